#include "services/scoring/logic/ml/evaluate.h"

#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <random>
#include <set>

#include "common/testing/shared_data.h"
#include "services/scoring/logic/ml/csv_table.h"

namespace embudo::scoring::ml {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Rows of a number, a category and a label that depends on both as much as `strength` says.
Table Sample(size_t rows, double strength) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> uniform(0, 1);
  Table table = {{"size", "source", "day", "won"}, {{}, {}, {}, {}}};
  for (size_t i = 0; i < rows; ++i) {
    const double size = uniform(random);
    const bool web = uniform(random) < 0.4;
    const double chance = Sigmoid(strength * (4 * size - 2 + (web ? 1 : -1)) - 1);
    table.cells[0].push_back(uniform(random) < 0.1 ? "" : std::to_string(size));
    table.cells[1].push_back(web ? "web" : uniform(random) < 0.5 ? "mail" : "fair");
    table.cells[2].push_back(std::to_string(i / 10));
    table.cells[3].push_back(uniform(random) < chance ? "yes" : "no");
  }
  return table;
}

const Judged& Of(const Evaluation& evaluation, ModelKind kind) { return evaluation.models[static_cast<size_t>(kind)]; }

void ExpectFinite(const Evaluation& evaluation) {
  ASSERT_THAT(evaluation.models, SizeIs(kModelKinds));
  for (const Judged& judged : evaluation.models) {
    for (const double figure :
         {judged.figures.auc, judged.figures.log_loss, judged.figures.brier, judged.figures.ece}) {
      EXPECT_TRUE(std::isfinite(figure)) << NameOf(judged.kind);
    }
  }
}

absl::StatusOr<Table> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  CsvTable table;
  const absl::Status fed = table.Feed(std::string(std::istreambuf_iterator<char>(file), {}));
  return fed.ok() ? table.Finish() : fed;
}

TEST(EvaluateTest, FindsSignalAndIsCalibrated) {
  const auto evaluation = Evaluate(Sample(3000, 1), {.label = "won", .exclude = {"day"}});
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  ExpectFinite(*evaluation);
  EXPECT_EQ(evaluation->rows, 3000U);
  EXPECT_EQ(evaluation->test_rows, 3000U);
  EXPECT_EQ(evaluation->folds, 5U);
  EXPECT_EQ(evaluation->positive, "yes");
  EXPECT_TRUE(evaluation->has_signal);
  EXPECT_NE(evaluation->champion, ModelKind::kPrior);
  const Figures& champion = Of(*evaluation, evaluation->champion).figures;
  EXPECT_GT(champion.auc, 0.75);
  EXPECT_LT(champion.log_loss, Of(*evaluation, ModelKind::kPrior).figures.log_loss - 0.05);
  EXPECT_LT(champion.ece, 0.03);
  EXPECT_DOUBLE_EQ(Of(*evaluation, ModelKind::kPrior).figures.auc, 0.5);
  EXPECT_THAT(evaluation->warnings, IsEmpty());
}

TEST(EvaluateTest, TheSameRowsGiveTheSameFigures) {
  const Table table = Sample(500, 1);
  const auto first = Evaluate(table, {.label = "won"});
  const auto again = Evaluate(table, {.label = "won"});
  ASSERT_TRUE(first.ok() && again.ok());
  for (size_t kind = 0; kind < kModelKinds; ++kind) {
    EXPECT_EQ(first->models[kind].figures.log_loss, again->models[kind].figures.log_loss);
  }
}

TEST(EvaluateTest, WithoutSignalThePriorServesAndSaysSo) {
  const auto evaluation = Evaluate(Sample(2000, 0), {.label = "won", .exclude = {"day"}});
  ASSERT_TRUE(evaluation.ok());
  EXPECT_EQ(evaluation->champion, ModelKind::kPrior);
  EXPECT_FALSE(evaluation->has_signal);
  EXPECT_THAT(evaluation->signal, HasSubstr("no signal"));
}

TEST(EvaluateTest, OneClassAndTinyTablesAreNoError) {
  Table one_class = Sample(200, 1);
  for (std::string& label : one_class.cells[3]) label = "yes";
  const auto wins = Evaluate(one_class, {.label = "won"});
  ASSERT_TRUE(wins.ok()) << wins.status();
  ExpectFinite(*wins);
  EXPECT_EQ(wins->champion, ModelKind::kPrior);
  EXPECT_THAT(wins->warnings, SizeIs(1));
  EXPECT_LT(Of(*wins, ModelKind::kPrior).figures.log_loss, 0.01);
  for (const size_t rows : {2U, 3U, 7U, 30U}) {
    const auto tiny = Evaluate(Sample(rows, 1), {.label = "won"});
    ASSERT_TRUE(tiny.ok()) << tiny.status();
    ExpectFinite(*tiny);
  }
  // Nothing to learn from but the label.
  const auto bare = Evaluate({{"won"}, {{"1", "0", "1"}}}, {.label = "won"});
  ASSERT_TRUE(bare.ok()) << bare.status();
  ExpectFinite(*bare);
}

TEST(EvaluateTest, ColumnsOfNothingAndOfManyValues) {
  Table table = Sample(600, 1);
  table.names.insert(table.names.end(), {"constant", "key", "city", "when"});
  table.cells.resize(8);
  for (size_t i = 0; i < 600; ++i) {
    table.cells[4].push_back("x");
    table.cells[5].push_back("k" + std::to_string(i));
    table.cells[6].push_back("city " + std::to_string(i * i % 97));
    table.cells[7].push_back("2024-0" + std::to_string(1 + i % 9) + "-11");
  }
  const auto evaluation = Evaluate(table, {.label = "won"});
  ASSERT_TRUE(evaluation.ok());
  ExpectFinite(*evaluation);
  EXPECT_NE(evaluation->champion, ModelKind::kPrior);
  EXPECT_EQ(evaluation->sources[3].why, "constant");
  EXPECT_EQ(evaluation->sources[4].why, "id");
}

TEST(EvaluateTest, TheNewestFifthIsHeldOutAndDriftIsSeen) {
  // From day 160 of 200 on, a constant half of the losses become wins.
  Table table = Sample(2000, 1);
  for (size_t i = 1600; i < 2000; ++i) {
    if (i % 2 == 0) table.cells[3][i] = "yes";
  }
  const auto evaluation = Evaluate(table, {.label = "won", .time = "day"});
  ASSERT_TRUE(evaluation.ok());
  EXPECT_EQ(evaluation->folds, 0U);
  EXPECT_EQ(evaluation->test_rows, 400U);
  EXPECT_TRUE(evaluation->drift.drifted);
  EXPECT_GT(evaluation->drift.new_rate, evaluation->drift.old_rate + 0.2);
  ASSERT_TRUE(evaluation->recalibration);
  EXPECT_LT(evaluation->recalibration->after.log_loss, evaluation->recalibration->before.log_loss - 0.02);
  EXPECT_LT(evaluation->recalibration->after.ece, evaluation->recalibration->before.ece);
}

TEST(EvaluateTest, AStraightLineIsToldAsWellAsAStraightLineCan) {
  // Twelve normal numbers that each move the odds a little. The truth's own log-loss is what can be had at best.
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform(0, 1);
  Table table;
  for (int c = 0; c < 12; ++c) table.names.push_back("x" + std::to_string(c));
  table.names.emplace_back("won");
  table.cells.resize(13);
  double best = 0;
  constexpr size_t kRows = 1500;
  for (size_t i = 0; i < kRows; ++i) {
    double logit = 0;
    for (size_t c = 0; c < 12; ++c) {
      const double x = normal(random);
      logit += (c % 2 == 0 ? 0.5 : -0.3) * x;
      table.cells[c].push_back(std::to_string(x));
    }
    const bool won = uniform(random) < Sigmoid(logit);
    best += LossOf(Sigmoid(logit), won) / kRows;
    table.cells[12].push_back(won ? "1" : "0");
  }
  const auto evaluation = Evaluate(table, {.label = "won"});
  ASSERT_TRUE(evaluation.ok());
  EXPECT_LT(Of(*evaluation, ModelKind::kLogistic).figures.log_loss, best + 0.012);
  EXPECT_LT(Of(*evaluation, evaluation->champion).figures.log_loss, best + 0.015);
}

TEST(EvaluateTest, ARareClassIsLearnedFromItsInteractions) {
  // One row in fifty; what counts is whether two numbers are of the same sign.
  std::mt19937_64 random(12);
  std::uniform_real_distribution<double> uniform(-1, 1);
  Table table = {{"a", "b", "won"}, {{}, {}, {}}};
  for (size_t i = 0; i < 8000; ++i) {
    const double a = uniform(random);
    const double b = uniform(random);
    table.cells[0].push_back(std::to_string(a));
    table.cells[1].push_back(std::to_string(b));
    table.cells[2].push_back(uniform(random) < (a * b > 0 ? -0.93 : -0.995) ? "yes" : "no");
  }
  const auto evaluation = Evaluate(table, {.label = "won"});
  ASSERT_TRUE(evaluation.ok());
  EXPECT_TRUE(evaluation->has_signal);
  EXPECT_GT(Of(*evaluation, ModelKind::kGradientBoosting).figures.auc, 0.66);
}

TEST(EvaluateTest, RecalibrationFindsHowLongToRemember) {
  // The model always says 0.5; the rate jumps, twice. A memory of all would stay wrong.
  Scores said;
  Labels labels;
  std::mt19937_64 random(13);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (size_t i = 0; i < 4000; ++i) {
    said.push_back(0.5);
    labels.push_back(uniform(random) < (i < 1000 ? 0.5 : i < 2000 ? 0.9 : 0.2) ? 1 : 0);
  }
  const Recalibration result = RecalibrateAsTimeGoes(said, labels);
  EXPECT_EQ(result.blocks, 100U);
  // Who knew the rates would lose 0.188 less.
  EXPECT_LT(result.after.log_loss, result.before.log_loss - 0.13);
}

TEST(EvaluateTest, RowsAreOrderedByTimeWhateverTheirPlace) {
  Table table = Sample(300, 1);
  Table turned = table;
  for (auto& cells : turned.cells) std::reverse(cells.begin(), cells.end());
  const auto a = Evaluate(table, {.label = "won", .time = "day"});
  const auto b = Evaluate(turned, {.label = "won", .time = "day"});
  EXPECT_DOUBLE_EQ(a->drift.new_rate, b->drift.new_rate);
}

TEST(EvaluateTest, WhatIsKnownOnlyAfterwardsIsPointedOut) {
  Table table = Sample(400, 1);
  table.names.emplace_back("reason");
  table.cells.push_back(table.cells[3]);
  const auto evaluation = Evaluate(table, {.label = "won"});
  ASSERT_THAT(evaluation->warnings, SizeIs(1));
  EXPECT_THAT(evaluation->warnings[0], HasSubstr("\"reason\""));
}

TEST(EvaluateTest, LabelsAreChosenAndOthersLeftOut) {
  const Table table = {{"x", "stage"}, {{"1", "2", "3", "4", "5"}, {"Won", "Lost", "Open", "", "Won"}}};
  EXPECT_EQ(Evaluate(table, {.label = "stage"}).status().code(), absl::StatusCode::kInvalidArgument);
  const auto against_all = Evaluate(table, {.label = "stage", .positive = "Won"});
  EXPECT_EQ(against_all->rows, 4U);
  EXPECT_EQ(against_all->positives, 2U);
  const auto closed = Evaluate(table, {.label = "stage", .positive = "Won", .negatives = {"Lost"}});
  EXPECT_EQ(closed->rows, 3U);
  EXPECT_EQ(closed->rows_left_out, 2U);
}

TEST(EvaluateTest, ColumnsThatAreNotThereAreNamed) {
  const Table table = {{"x", "won"}, {{"1", "2"}, {"1", "0"}}};
  for (const EvaluateOptions& options :
       {EvaluateOptions{.label = "lost"}, EvaluateOptions{.label = "won", .exclude = {"y"}},
        EvaluateOptions{.label = "won", .time = "z"}}) {
    EXPECT_EQ(Evaluate(table, options).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(Evaluate({{"won"}, {{"", ""}}}, {.label = "won"}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(EvaluateTest, OnRealLeadsItIsBetterThanWhatIsKnown) {
  const auto qualified = testing::SharedData("olist_funnel/olist_marketing_qualified_leads_dataset.csv");
  const auto closed = testing::SharedData("olist_funnel/olist_closed_deals_dataset.csv");
  if (!qualified || !closed) GTEST_SKIP() << testing::kNoSharedData;
  auto table = ReadFile(*qualified);
  const auto deals = ReadFile(*closed);
  ASSERT_TRUE(table.ok() && deals.ok());
  const std::set<std::string> won(deals->cells[0].begin(), deals->cells[0].end());
  std::vector<std::string> labels;
  for (const std::string& id : table->cells[0]) labels.push_back(won.count(id) > 0 ? "1" : "0");
  table->names.emplace_back("closed");
  table->cells.push_back(std::move(labels));
  const auto evaluation = Evaluate(*table, {.label = "closed"});
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  const Figures& champion = Of(*evaluation, evaluation->champion).figures;
  EXPECT_GT(champion.auc, 0.68);
  EXPECT_LT(champion.log_loss, 0.318);
  EXPECT_LT(champion.ece, 0.02);
}

}  // namespace
}  // namespace embudo::scoring::ml
