#include "services/scoring/logic/naive_bayes.h"

#include <gtest/gtest.h>

#include <random>

// Each expected number is worked out by hand in the comment above it, from the published rules.

namespace embudo::scoring::logic {
namespace {

const std::string kNew = "pipelines/p/stages/new";
const std::string kProposal = "pipelines/p/stages/proposal";
const std::string kWon = "pipelines/p/stages/won";

Couple StageCouple(const std::string& stage) { return {"stage", stage}; }

Contribution Won(const std::string& team, std::vector<Couple> couples) {
  for (const std::string& stage : {kNew, kProposal, kWon}) couples.push_back(StageCouple(stage));
  return {true, team, std::move(couples)};
}

Contribution LostIn(const std::string& stage, const std::string& team, std::vector<Couple> couples) {
  couples.push_back(StageCouple(kNew));
  if (stage == kProposal) couples.push_back(StageCouple(kProposal));
  return {false, team, std::move(couples)};
}

Features In(const std::string& stage, const std::string& team, std::vector<Couple> couples = {}) {
  return {
      .team = team, .stage = stage, .stage_is_won = stage == kWon, .first_stage = kNew, .couples = std::move(couples)};
}

double Percent(const FrequencyTable& table, const Features& features) {
  const std::optional<double> probability = NaiveBayes(table).Probability(features);
  EXPECT_TRUE(probability.has_value());
  return probability.value_or(-1);
}

/// Three won (web, web, fair), one lost in New (fair), one lost in Proposal (fair). So the rows are
///   stage: new 3.1 / 2.1, proposal 3.1 / 1.1, won 3.1 / 0.1
///   source: web 2.1 / 0.1, fair 1.1 / 2.1; totals 3.2 / 2.2
FrequencyTable FiveLeads(const std::string& team) {
  FrequencyTable table;
  table.Add(Won(team, {{"source", "web"}}));
  table.Add(Won(team, {{"source", "fair"}}));
  table.Add(Won(team, {{"source", "web"}}));
  table.Add(LostIn(kNew, team, {{"source", "fair"}}));
  table.Add(LostIn(kProposal, team, {{"source", "fair"}}));
  return table;
}

TEST(NaiveBayes, WithoutStageItIsZeroAndInAWonStageAHundred) {
  const FrequencyTable table = FiveLeads("");
  EXPECT_EQ(Percent(table, In("", "")), 0);
  EXPECT_EQ(Percent(table, In(kWon, "")), 100);
}

TEST(NaiveBayes, TheFirstStageAloneGivesTheShareOfWon) {
  // 3.1 / (3.1 + 2.1) = 0.596153…
  EXPECT_EQ(Percent(FiveLeads(""), In(kNew, "")), 59.62);
}

TEST(NaiveBayes, ALaterStageGivesTheShareOfThoseThatGotThere) {
  // 3.1/5.2 · 3.1/3.1 against 2.1/5.2 · 1.1/2.1, so 3.1 / (3.1 + 1.1) = 0.738095…
  EXPECT_EQ(Percent(FiveLeads(""), In(kProposal, "")), 73.81);
}

TEST(NaiveBayes, StageAndSource) {
  // 3.1 · 2.1/3.2 = 2.034375 against 1.1 · 0.1/2.2 = 0.05: 2.034375 / 2.084375 = 0.976011…
  EXPECT_EQ(Percent(FiveLeads(""), In(kProposal, "", {{"source", "web"}})), 97.6);
  // 3.1 · 1.1/3.2 = 1.065625 against 2.1 · 2.1/2.2 = 2.004545…: 1.065625 / 3.070170… = 0.347089…
  EXPECT_EQ(Percent(FiveLeads(""), In(kNew, "", {{"source", "fair"}})), 34.71);
}

TEST(NaiveBayes, ValuesWithoutRowAreSkipped) {
  EXPECT_EQ(Percent(FiveLeads(""), In(kNew, "", {{"source", "never seen"}, {"country", "ES"}})), 59.62);
}

TEST(NaiveBayes, AStageWithoutRowCountsAsTheFirst) {
  EXPECT_EQ(Percent(FiveLeads(""), In("pipelines/p/stages/later", "")), 59.62);
}

TEST(NaiveBayes, OneWinAloneGives91Point67) {
  FrequencyTable table;
  table.Add(Won("", {}));
  EXPECT_EQ(Percent(table, In(kNew, "")), 91.67);  // 1.1 / 1.2
  table.Add(LostIn(kNew, "", {}));
  EXPECT_EQ(Percent(table, In(kNew, "")), 50);  // 1.1 / 2.2
}

TEST(NaiveBayes, AfterReopeningTheOnlyWinItIsFifty) {
  FrequencyTable table;
  table.Add(Won("", {}));
  table.Subtract(Won("", {}));
  EXPECT_EQ(Percent(table, In(kNew, "")), 50);  // 0.1 / 0.2
}

TEST(NaiveBayes, WithoutRowOfTheFirstStageNothingIsComputed) {
  FrequencyTable table;
  EXPECT_FALSE(NaiveBayes(table).Probability(In(kNew, "")).has_value());
  table.Put({"", {"source", "web"}}, {2.1, 1.1});
  table.Put({"", StageCouple(kProposal)}, {2.1, 1.1});
  EXPECT_FALSE(NaiveBayes(table).Probability(In(kProposal, "", {{"source", "web"}})).has_value());
}

TEST(NaiveBayes, EachLeadIsJudgedByItsOwnFirstStage) {
  FrequencyTable table = FiveLeads("a");
  const NaiveBayes bayes(table);
  Features other = In(kNew, "a");
  other.first_stage = "pipelines/q/stages/start";
  EXPECT_FALSE(bayes.Probability(other).has_value());
  EXPECT_EQ(bayes.Probability(In(kNew, "a")), 59.62);
}

TEST(NaiveBayes, ATeamWithRowsIsJudgedByThem) {
  FrequencyTable table = FiveLeads("a");
  for (int i = 0; i < 10; ++i) table.Add(LostIn(kNew, "b", {}));
  EXPECT_EQ(Percent(table, In(kNew, "a")), 59.62);
  EXPECT_EQ(Percent(table, In(kNew, "b")), 0.98);  // 0.1 / 10.2
}

TEST(NaiveBayes, OthersAreJudgedByAllRowsEachWithItsOwnTenth) {
  FrequencyTable table = FiveLeads("a");
  table.Add(Won("", {{"source", "web"}}));
  // new: 3.1 + 1.1 and 2.1 + 0.1: 4.2 / 6.4 = 0.65625
  EXPECT_EQ(Percent(table, In(kNew, "")), 65.62);
  EXPECT_EQ(Percent(table, In(kNew, "a team without rows")), 65.62);
  // source web 2.1 + 1.1 / 0.1 + 0.1, all sources 4.3 / 2.3:
  // 4.2 · 3.2/4.3 = 3.125581… against 2.2 · 0.2/2.3 = 0.191304…: 0.942324…
  EXPECT_EQ(Percent(table, In(kNew, "", {{"source", "web"}})), 94.23);
}

TEST(NaiveBayes, ATagCountsFromFiftyClosedLeadsOn) {
  FrequencyTable table = FiveLeads("");
  const Couple hot{"tag", "tags/hot"};
  const Couple big{"tag", "tags/big"};
  table.Put({"", big}, {60.1, 20.1});
  table.Put({"", hot}, {39.1, 10.1});  // 49 leads
  // Only `big` is left, so it is all of its variable and moves nothing.
  EXPECT_EQ(Percent(table, In(kNew, "", {hot, big})), 59.62);
  table.Put({"", hot}, {40.1, 10.1});  // 50 leads
  // 3.1 · 40.1/100.2 = 1.240618… against 2.1 · 10.1/30.2 = 0.702317…: 0.638532…
  EXPECT_EQ(Percent(table, In(kNew, "", {hot})), 63.85);
  // Each tag is a factor: 1.240618… · 60.1/100.2 = 0.744123… against 0.702317… · 20.1/30.2 = 0.467436…: 0.614184…
  EXPECT_EQ(Percent(table, In(kNew, "", {hot, big})), 61.42);
}

TEST(NaiveBayes, RareTagsAreLeftOutRowByRow) {
  // 30 leads in each of two teams: together 60, but each row has too few.
  FrequencyTable table = FiveLeads("");
  const Couple hot{"tag", "tags/hot"};
  table.Put({"a", hot}, {30.1, 0.1});
  table.Put({"b", hot}, {30.1, 0.1});
  EXPECT_EQ(Percent(table, In(kNew, "", {hot})), 59.62);
  // A team that has nothing but rare tags still has rows, and these say nothing.
  EXPECT_FALSE(NaiveBayes(table).Probability(In(kNew, "a")).has_value());
}

TEST(NaiveBayes, StaysWithinItsBounds) {
  FrequencyTable table;
  table.Put({"", StageCouple(kNew)}, {100000.1, 0.1});
  EXPECT_EQ(Percent(table, In(kNew, "")), 99.99);
  table.Put({"", StageCouple(kNew)}, {0.1, 100000.1});
  EXPECT_EQ(Percent(table, In(kNew, "")), 0.01);
}

TEST(NaiveBayes, ManySmallFactorsDoNotVanish) {
  Evidence evidence{.won = 10.1, .lost = 10.1};
  for (int i = 0; i < 400; ++i) evidence.factors.push_back({{}, 1.1, 1000.1, 1.1, 1000.1});
  evidence.factors.push_back({{}, 3.1, 10.1, 1.1, 10.1});
  EXPECT_NEAR(ChanceOf(evidence), 3.1 / 4.2, 1e-9);
}

TEST(NaiveBayes, LogarithmsEqualThePlainProduct) {
  std::mt19937 random(42);
  std::uniform_int_distribution<int> some(0, 500);
  for (int round = 0; round < 10000; ++round) {
    Evidence evidence{.won = some(random) + 0.1, .lost = some(random) + 0.1};
    double won = evidence.won / (evidence.won + evidence.lost);
    double lost = evidence.lost / (evidence.won + evidence.lost);
    for (int i = 0; i < 12; ++i) {
      Factor factor{.won = some(random) + 0.1, .lost = some(random) + 0.1};
      factor.won_total = factor.won + some(random);
      factor.lost_total = factor.lost + some(random);
      won *= factor.won / factor.won_total;
      lost *= factor.lost / factor.lost_total;
      evidence.factors.push_back(factor);
    }
    ASSERT_NEAR(ChanceOf(evidence), won / (won + lost), 1e-9) << "round " << round;
  }
}

TEST(PercentOf, RoundsTheDoubleItself) {
  EXPECT_EQ(PercentOf(0.5), 50);
  EXPECT_EQ(PercentOf(0.12344), 12.34);
  EXPECT_EQ(PercentOf(0.12346), 12.35);
  // 100 · 0.65625 is 65.625, a tie, which goes to the even digit.
  EXPECT_EQ(PercentOf(0.65625), 65.62);
  // 100 · 0.00085 is 0.08499999…
  EXPECT_EQ(PercentOf(0.00085), 0.08);
}

}  // namespace
}  // namespace embudo::scoring::logic
