// Bins, naive Bayes over them, and the linear model.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "services/scoring/logic/ml/bayes.h"
#include "services/scoring/logic/ml/logistic.h"
#include "services/scoring/logic/ml/metrics.h"
#include "services/scoring/logic/ml/splits.h"
#include "services/scoring/logic/naive_bayes.h"

namespace embudo::scoring::ml {
namespace {

using ::testing::ElementsAre;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Column Number(std::vector<double> numbers) {
  Column column;
  column.name = "n";
  column.is_number = true;
  column.numbers = std::move(numbers);
  return column;
}

Column Category(std::vector<int32_t> codes, std::vector<std::string> values) {
  Column column;
  column.name = "c";
  column.codes = std::move(codes);
  column.values = std::move(values);
  return column;
}

TEST(BinningTest, NumbersAreCutWhereSharesEnd) {
  const Dataset data = {{Number({1, 2, 3, 4, 5, 6, 7, 8})}, 8};
  const auto bins = FitBins(data, AllRows(8), {.most = 4, .least_rows = 1});
  EXPECT_THAT(bins[0].edges, ElementsAre(2.5, 4.5, 6.5));
  EXPECT_EQ(bins[0].OfNumber(2), 1);
  EXPECT_EQ(bins[0].OfNumber(2.6), 2);
  EXPECT_EQ(bins[0].OfNumber(100), 4);
  EXPECT_EQ(bins[0].OfNumber(kNan), 0);
  EXPECT_EQ(bins[0].Name(2), "from 2.5 to 4.5");
  EXPECT_EQ(bins[0].Name(4), "above 6.5");
}

TEST(BinningTest, EqualNumbersAreNeverParted) {
  const Dataset data = {{Number({999, 999, 999, 999, 999, 999, 3, 4})}, 8};
  const auto bins = FitBins(data, AllRows(8), {.most = 8, .least_rows = 1});
  EXPECT_THAT(bins[0].edges, ElementsAre(3.5, 501.5));
}

TEST(BinningTest, RareValuesArePooledAndUnseenOnesGoThere) {
  const Dataset data = {{Category({0, 0, 0, 1, 2, -1}, {"often", "once", "twice"})}, 6};
  const auto bins = FitBins(data, AllRows(6), {.least_rows = 2});
  EXPECT_EQ(bins[0].count, 3);
  EXPECT_THAT(BinColumn(bins[0], data.columns[0]), ElementsAre(1, 1, 1, 2, 2, 0));
  EXPECT_EQ(bins[0].OfValue("never"), 2);
  EXPECT_EQ(bins[0].Name(2), "other");
  const auto no_rare = FitBins({{Category({0, 0}, {"a"})}, 2}, AllRows(2), {.least_rows = 1});
  EXPECT_EQ(no_rare[0].OfValue("never"), -1);
}

TEST(BayesTest, IsWhatTheServiceTells) {
  // The same rows for the service's own model, its stage being one that all rows have.
  const Dataset data = {{Category({0, 0, 1, 1, 1, -1}, {"web", "mail"}), Category({0, 1, 0, 1, 1, 1}, {"es", "fr"})},
                        6};
  const Labels labels = {1, 1, 0, 0, 1, 0};
  const auto bins = FitBins(data, AllRows(6), {.least_rows = 1});
  const BinMatrix matrix = ApplyBins(bins, data);
  const Bayes bayes(bins, matrix, labels, AllRows(6));

  logic::FrequencyTable table;
  const auto couples_of = [&](uint32_t row) {
    std::vector<logic::Couple> couples;
    for (size_t c = 0; c < 2; ++c) {
      const int32_t code = data.columns[c].codes[row];
      if (code >= 0) couples.push_back({"v" + std::to_string(c), data.columns[c].values[static_cast<size_t>(code)]});
    }
    return couples;
  };
  for (uint32_t row = 0; row < 6; ++row) {
    logic::Contribution contribution{labels[row] != 0, "", couples_of(row)};
    contribution.couples.push_back({"stage", "s"});
    table.Add(contribution);
  }
  const logic::NaiveBayes model(table);
  for (uint32_t row = 0; row < 6; ++row) {
    const auto evidence = model.Weigh({.stage = "s", .first_stage = "s", .couples = couples_of(row)});
    ASSERT_TRUE(evidence);
    EXPECT_NEAR(bayes.Probability(matrix, row), logic::ChanceOf(*evidence), 1e-9) << row;
  }
}

TEST(BayesTest, WorkedByHand) {
  // 2 won (both a), 2 lost (a, b). Rows a: 2.1 / 1.1, b: 0.1 / 1.1; totals 2.2 / 2.2; all 2.1 / 2.1.
  const Dataset data = {{Category({0, 0, 0, 1}, {"a", "b"})}, 4};
  const auto bins = FitBins(data, AllRows(4), {.least_rows = 1});
  const BinMatrix matrix = ApplyBins(bins, data);
  const Bayes bayes(bins, matrix, {1, 1, 0, 0}, AllRows(4));
  EXPECT_NEAR(bayes.Probability(matrix, 0), 2.1 / 3.2, 1e-12);
  EXPECT_NEAR(bayes.Probability(matrix, 3), 0.1 / 1.2, 1e-12);
}

TEST(BinsTest, OneWildNumberDoesNotFlattenTheOthers) {
  std::vector<double> numbers;
  for (int i = 0; i < 1000; ++i) numbers.push_back(i % 2 == 0 ? -1 : 1);
  numbers[17] = 1e12;
  const Dataset data = {{Number(numbers)}, 1000};
  const Bins bins = FitBins(data, AllRows(1000), {})[0];
  EXPECT_NEAR(bins.Standardised(1) - bins.Standardised(-1), 2, 0.01);
  EXPECT_EQ(bins.Standardised(1e12), 4);
  // A yes of one row in a thousand is none of the outliers.
  std::vector<double> flags(1000, 0);
  flags[5] = 1;
  const Bins rare = FitBins({{Number(flags)}, 1000}, AllRows(1000), {})[0];
  EXPECT_GT(rare.Standardised(1), 3);
}

TEST(LogisticTest, ANumberBendsAsFarAsItIsAllowed) {
  // Of the class are the outer thirds of a number: no straight line tells them apart.
  std::vector<double> numbers;
  Labels labels;
  for (int i = 0; i < 600; ++i) {
    numbers.push_back(i);
    labels.push_back(i < 200 || i >= 400 ? 1 : 0);
  }
  const Dataset data = {{Number(numbers)}, 600};
  const auto bins = FitBins(data, AllRows(600), {});
  const Encoded encoded = Encode(bins, data);
  const auto chance = [&](double bend, uint32_t row) {
    return Sigmoid(FitLogistic(bins, encoded, labels, AllRows(600), {.cost = 0.3, .bend = bend}).Logit(encoded, row));
  };
  EXPECT_NEAR(chance(0, 300), 2.0 / 3, 0.02);
  EXPECT_LT(chance(0.3, 300), 0.6);
  EXPECT_LT(chance(1, 300), chance(0.3, 300));
  EXPECT_GT(chance(1, 10), 0.8);
}

TEST(LogisticTest, LearnsOddsOfACategoryAndThePartsAddUp) {
  // Of 200 a, 160 are of the class; of 200 b, 40.
  std::vector<int32_t> codes;
  Labels labels;
  for (int i = 0; i < 400; ++i) {
    codes.push_back(i < 200 ? 0 : 1);
    labels.push_back(i % 200 < (i < 200 ? 160 : 40) ? 1 : 0);
  }
  const Dataset data = {{Category(codes, {"a", "b"})}, 400};
  const auto bins = FitBins(data, AllRows(400), {});
  const Encoded encoded = Encode(bins, data);
  const Logistic free = FitLogistic(bins, encoded, labels, AllRows(400), {.cost = 100});
  EXPECT_NEAR(Sigmoid(free.Logit(encoded, 0)), 0.8, 0.005);
  EXPECT_NEAR(Sigmoid(free.Logit(encoded, 399)), 0.2, 0.005);
  EXPECT_DOUBLE_EQ(free.Logit(encoded, 0), free.intercept + free.Part(encoded, 0, 0));
  // A strong penalty pulls towards the mean, which stays.
  const Logistic bound = FitLogistic(bins, encoded, labels, AllRows(400), {.cost = 0.001});
  EXPECT_LT(Sigmoid(bound.Logit(encoded, 0)), 0.7);
  EXPECT_GT(Sigmoid(bound.Logit(encoded, 0)), 0.5);
}

TEST(LogisticTest, TheFirstLabelDoesNotTurnTheSign) {
  const Dataset data = {{Number({1, 2, 3, 4, 5, 6, 7, 8})}, 8};
  const auto bins = FitBins(data, AllRows(8), {.most = 2, .least_rows = 1});
  const Encoded encoded = Encode(bins, data);
  for (const Labels& labels : {Labels{0, 0, 0, 0, 1, 1, 1, 1}, Labels{1, 1, 1, 1, 0, 0, 0, 0}}) {
    const Logistic fitted = FitLogistic(bins, encoded, labels, AllRows(8), {.cost = 1});
    EXPECT_EQ(fitted.Logit(encoded, 7) > 0, labels[7] == 1);
    EXPECT_EQ(fitted.Logit(encoded, 0) > 0, labels[0] == 1);
  }
}

}  // namespace
}  // namespace embudo::scoring::ml
