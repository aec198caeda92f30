#include "services/scoring/logic/ml/artifact.h"

#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "services/scoring/logic/ml/splits.h"

namespace embudo::scoring::ml {
namespace {

/// Wins depend on the size and the source.
Artifact Learned(Table& table, Labels& labels, Dataset& data) {
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> uniform(0, 1);
  table = {{"size", "source", "city"}, {{}, {}, {}}};
  for (int i = 0; i < 400; ++i) {
    const double size = uniform(random);
    const bool web = uniform(random) < 0.5;
    table.cells[0].push_back(uniform(random) < 0.1 ? "" : std::to_string(size));
    table.cells[1].push_back(web ? "web" : "fair");
    table.cells[2].push_back("city " + std::to_string(i % 40));
    labels.push_back(uniform(random) < Sigmoid(6 * size - 3 + (web ? 1 : -1)) ? 1 : 0);
  }
  const Reading reading = Reading::Learn(table);
  data = reading.Read(table);
  auto models = FitModels(data, labels, AllRows(400), {});
  EXPECT_TRUE(models.ok()) << models.status();
  return {reading, *std::move(models)};
}

class ArtifactTest : public ::testing::Test {
 protected:
  Table table_;
  Labels labels_;
  Dataset data_;
  const Artifact artifact_ = Learned(table_, labels_, data_);
};

TEST_F(ArtifactTest, TellsTheSameWhenItIsBack) {
  const auto bytes = Save(artifact_);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const auto back = Load(*bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  const Dataset read = back->reading.Read(table_);
  const auto before = artifact_.models.Predict(data_, AllRows(400));
  const auto after = back->models.Predict(read, AllRows(400));
  ASSERT_TRUE(before.ok() && after.ok());
  for (size_t kind = 0; kind < kModelKinds; ++kind) {
    for (size_t row = 0; row < 400; ++row) EXPECT_NEAR((*before)[kind][row], (*after)[kind][row], 1e-6);
  }
  EXPECT_EQ(back->models.champion, artifact_.models.champion);
  EXPECT_EQ(back->models.positives + back->models.negatives, 400U);
}

TEST_F(ArtifactTest, BrokenBytesAreRefused) {
  const std::string bytes = *Save(artifact_);
  for (const std::string& broken :
       {std::string(), std::string("{}"), bytes.substr(0, bytes.size() / 2), std::string(R"({"version":9})")}) {
    EXPECT_EQ(Load(broken).status().code(), absl::StatusCode::kDataLoss) << broken.substr(0, 20);
  }
}

TEST_F(ArtifactTest, WhatMovedAProbabilityIsTold) {
  uint32_t row = 0;
  for (uint32_t i = 1; i < 400; ++i) {
    const double best = data_.columns[0].numbers[row];
    if (std::isnan(best) || data_.columns[0].numbers[i] > best) row = i;
  }
  for (const ModelKind kind : {ModelKind::kLogistic, ModelKind::kGradientBoosting, ModelKind::kBlend}) {
    const auto reasons = artifact_.models.Explain(kind, data_, row);
    ASSERT_TRUE(reasons.ok());
    const auto said = artifact_.models.Predict(data_, {row});
    EXPECT_NEAR(reasons->probability, (*said)[static_cast<size_t>(kind)][0], 1e-9);
    EXPECT_GT(reasons->effects[0], 0) << NameOf(kind);
    EXPECT_GT(reasons->effects[0], std::abs(reasons->effects[2])) << NameOf(kind);
  }
  const auto prior = artifact_.models.Explain(ModelKind::kPrior, data_, row);
  EXPECT_NEAR(prior->probability, artifact_.models.prior, 1e-6);
  EXPECT_THAT(prior->effects, ::testing::Each(0));
}

TEST_F(ArtifactTest, AnEmptyRowAndUnseenValuesGetAProbability) {
  const Dataset strange = artifact_.reading.Read({{"size", "source", "city"}, {{"", "1e9"}, {"", "moon"}, {"", "x"}}});
  const auto said = artifact_.models.Predict(strange, AllRows(2));
  ASSERT_TRUE(said.ok());
  for (const Scores& scores : *said) {
    for (const double score : scores) {
      EXPECT_GT(score, 0);
      EXPECT_LT(score, 1);
    }
  }
}

}  // namespace
}  // namespace embudo::scoring::ml
