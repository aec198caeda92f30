// What an import teaches: the frequencies equal a recount by SQL, the probabilities those of plain products.

#include <cmath>
#include <fstream>
#include <iterator>
#include <random>
#include <set>

#include "common/testing/shared_data.h"
#include "common/text/csv.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "embudo/scoring/v1/scoring_service.pb.h"
#include "tests/integration/scoring/scoring_case.h"

namespace embudo {
namespace {

using testing::kPipeline;
using type::v1::Lead;

constexpr const char* kOpenStages[] = {"new", "qualified", "proposal", "negotiation"};

// What the rules say, counted from the pipeline's records by SQL alone.
constexpr char kRecount[] = R"(
WITH closed AS (
  SELECT l.*, coalesce(l.team_id, '') AS team, s.sequence FROM pipeline.lead l
  LEFT JOIN pipeline.stage s USING (tenant_id, pipeline_id, stage_id)
  WHERE l.tenant_id = $1 AND l.delete_time IS NULL AND l.state IN ('WON', 'LOST')),
couples AS (
  SELECT team, state, variable, value FROM closed, LATERAL (VALUES
    ('source', source), ('country', country), ('industry', industry),
    ('email_quality', CASE WHEN email = '' THEN '' WHEN email LIKE '%@%.%' THEN 'correct' ELSE 'incorrect' END),
    ('phone_quality', CASE WHEN phone = '' THEN '' WHEN phone LIKE '+%' THEN 'correct' ELSE 'incorrect' END))
    AS v(variable, value)
  WHERE value <> '' OR variable LIKE '%quality'
  UNION ALL SELECT team, state, 'tag', 'tags/' || tag FROM closed, unnest(tags) AS tag
  UNION ALL SELECT team, state, 'stage', 'pipelines/' || s.pipeline_id || '/stages/' || s.stage_id
  FROM closed c JOIN pipeline.stage s ON s.tenant_id = c.tenant_id AND s.pipeline_id = c.pipeline_id
    AND s.delete_time IS NULL AND (c.state = 'WON' OR s.sequence <= c.sequence)),
recount AS (
  SELECT team, variable, value, count(*) FILTER (WHERE state = 'WON') + 0.1 AS won,
    count(*) FILTER (WHERE state = 'LOST') + 0.1 AS lost
  FROM couples GROUP BY team, variable, value),
kept AS (SELECT team_id, variable, value, won, lost FROM scoring.frequency WHERE tenant_id = $1)
SELECT (SELECT count(*) FROM recount),
  (SELECT count(*) FROM ((TABLE recount EXCEPT TABLE kept) UNION ALL (TABLE kept EXCEPT TABLE recount)) AS d))";

using LeadUpserts = std::vector<pipeline::v1::LeadUpsert>;

class ScoringImportTest : public testing::ScoringCase {
 protected:
  void MakeTeam(const std::string& id) {
    pipeline::v1::CreateTeamRequest request;
    request.set_team_id(id);
    request.mutable_team()->set_display_name(id);
    request.mutable_team()->set_pipeline(kPipeline);
    admin_.Must<type::v1::Team>(request);
  }
  void MakeTag(const std::string& id) {
    pipeline::v1::CreateTagRequest request;
    request.set_tag_id(id);
    request.mutable_tag()->set_display_name(id);
    admin_.Must<type::v1::Tag>(request);
  }

  void Import(const LeadUpserts& items) {
    const auto start = std::chrono::steady_clock::now();
    for (size_t at = 0; at < items.size();) {
      pipeline::v1::BulkUpsertLeadsRequest request;
      for (; at < items.size() && request.items_size() < 1000; ++at) *request.add_items() = items[at];
      const auto response = admin_.Must<pipeline::v1::BulkUpsertLeadsResponse>(request);
      for (const auto& result : response.results()) {
        ASSERT_EQ(result.outcome(), pipeline::v1::BulkResult::OUTCOME_CREATED) << result.ShortDebugString();
      }
    }
    const auto imported = std::chrono::steady_clock::now();
    CatchUp();
    const auto ms = [](auto duration) {
      return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
    };
    std::cout << items.size() << " leads imported in " << ms(imported - start) << " ms, counted and scored "
              << ms(std::chrono::steady_clock::now() - imported) << " ms after that\n";
  }

  /// The number of rows that there are to be; those that differ from it must be none.
  int64_t Recount() {
    const db::Result counts = suite_->Query(kRecount, db::Params::Of(tenant_));
    EXPECT_EQ(counts[0].Int(1), 0) << "rows that are not as they should be";
    return counts[0].Int(0);
  }

  /// Computes every open lead's probability from the rows by plain products, and compares.
  void CheckProbabilities() {
    const auto rows = Frequencies(100);
    std::set<std::string> teams;
    for (const auto& [key, row] : rows) teams.insert(row.team());
    int checked = 0;
    pipeline::v1::ListLeadsRequest request;
    request.set_filter("state = OPEN");
    request.set_page_size(1000);
    do {
      const auto page = admin_.Must<pipeline::v1::ListLeadsResponse>(request);
      for (const Lead& lead : page.leads()) {
        const double expected = PlainProbability(rows, teams, lead);
        // The pipeline has two decimals, so a product that lies between two may have gone either way.
        EXPECT_NEAR(lead.automated_probability(), std::clamp(expected, 0.01, 99.99), 0.005 + 1e-9)
            << lead.DebugString();
        ++checked;
      }
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    EXPECT_GT(checked, 0);
    std::cout << checked << " probabilities compared\n";
  }

  static double PlainProbability(const std::map<std::string, scoring::v1::Frequency>& rows,
                                 const std::set<std::string>& teams, const Lead& lead) {
    std::map<std::string, std::map<std::string, std::pair<double, double>>> table;
    const bool own = !lead.team().empty() && teams.contains(lead.team());
    for (const auto& [key, row] : rows) {
      if (own && row.team() != lead.team()) continue;
      if (row.variable() == "tag" && row.won_count() + row.lost_count() < 50) continue;
      auto& [won, lost] = table[row.variable()][row.value()];
      won += row.won_count();
      lost += row.lost_count();
    }
    const auto [first_won, first_lost] = table["stage"][kPipeline + "/stages/new"];
    double won = first_won / (first_won + first_lost);
    double lost = first_lost / (first_won + first_lost);
    const auto factor = [&](const std::string& variable, const std::string& value) {
      const auto found = table[variable].find(value);
      if (found == table[variable].end()) return;
      double total_won = 0;
      double total_lost = 0;
      for (const auto& [each, counts] : table[variable]) {
        total_won += counts.first;
        total_lost += counts.second;
      }
      won *= found->second.first / (variable == "stage" ? first_won : total_won);
      lost *= found->second.second / (variable == "stage" ? first_lost : total_lost);
    };
    factor("stage", lead.stage());
    factor("email_quality", lead.email().empty() ? "" : "correct");
    factor("phone_quality", lead.phone().empty() ? "" : "correct");
    if (!lead.source().empty()) factor("source", lead.source());
    if (!lead.country().empty()) factor("country", lead.country());
    if (!lead.industry().empty()) factor("industry", lead.industry());
    for (const std::string& tag : lead.tags()) factor("tag", tag);
    return 100 * won / (won + lost);
  }

  /// Counts, probabilities, and the same again after a rebuild.
  void CheckAll() {
    const int64_t rows = Recount();
    scorer_.Must<scoring::v1::RescoreLeadsResponse>(scoring::v1::RescoreLeadsRequest());
    CatchUp();
    CheckProbabilities();
    const auto before = Frequencies();
    const auto rebuilt =
        scorer_.Must<scoring::v1::RebuildFrequenciesResponse>(scoring::v1::RebuildFrequenciesRequest());
    EXPECT_EQ(rebuilt.row_count(), rows);
    EXPECT_EQ(Recount(), rows);
    const auto after = Frequencies();
    EXPECT_EQ(before.size(), after.size());
    for (const auto& [key, row] : before) EXPECT_THAT(row, testing::SameAs(after.at(key)));
    CatchUp();
    CheckProbabilities();
    std::cout << rows << " rows, " << rebuilt.won_count() << " won, " << rebuilt.lost_count() << " lost\n";
  }
};

pipeline::v1::LeadUpsert ItemOf(const std::string& id, Lead::State state, const std::string& stage) {
  pipeline::v1::LeadUpsert item;
  Lead& lead = *item.mutable_lead();
  lead.set_kind(Lead::KIND_OPPORTUNITY);
  lead.set_display_name(id);
  auto& external = *lead.add_external_ids();
  external.set_system("test");
  external.set_id(id);
  lead.set_state(state);
  lead.set_stage(kPipeline + "/stages/" + stage);
  return item;
}

TEST_F(ScoringImportTest, MadeUpLeadsWithEveryVariable) {
  for (const char* team : {"north", "south"}) MakeTeam(team);
  for (const char* tag : {"hot", "rare"}) MakeTag(tag);
  std::mt19937 random(7);
  const auto pick = [&](auto... values) {
    const std::vector<std::string> all = {values...};
    return all[random() % all.size()];
  };
  LeadUpserts items;
  for (int i = 0; i < 2000; ++i) {
    const auto state = static_cast<Lead::State>(1 + random() % 3);
    auto item =
        ItemOf("made-" + std::to_string(i), state, state == Lead::STATE_WON ? "won" : kOpenStages[random() % 4]);
    Lead& lead = *item.mutable_lead();
    lead.set_team(pick("", "teams/north", "teams/south", "teams/sales"));
    lead.set_source(pick("", "web", "fair", "partner", "google"));
    lead.set_country(pick("", "Spain", "Italy", "France"));
    lead.set_industry(pick("", "retail", "steel"));
    if (random() % 2 == 0) lead.set_email("lead" + std::to_string(i) + "@example.com");
    if (random() % 2 == 0) lead.set_phone("+1415555" + std::to_string(1000 + i));
    if (random() % 3 == 0) lead.add_tags("tags/hot");
    if (random() % 40 == 0) lead.add_tags("tags/rare");
    items.push_back(std::move(item));
  }
  Import(items);
  CheckAll();
}

std::vector<std::map<std::string, std::string>> ReadCsv(const std::string& path) {
  std::ifstream file(path);
  text::CsvReader reader;
  EXPECT_TRUE(reader.Feed(std::string(std::istreambuf_iterator<char>(file), {})).ok() && reader.Finish().ok());
  text::CsvRow header;
  EXPECT_TRUE(reader.Next(&header));
  std::vector<std::map<std::string, std::string>> rows;
  for (text::CsvRow row; reader.Next(&row);) {
    auto& cells = rows.emplace_back();
    for (size_t i = 0; i < header.cells.size(); ++i) cells[header.cells[i]] = row.cells[i];
  }
  return rows;
}

TEST_F(ScoringImportTest, RealLeads) {
  const auto folder = testing::SharedData("maven_crm");
  if (!folder) GTEST_SKIP() << testing::kNoSharedData;
  for (const char* team : {"central", "east", "west"}) MakeTeam(team);
  std::map<std::string, std::map<std::string, std::string>> accounts;
  for (auto& row : ReadCsv(*folder + "/accounts.csv")) accounts[row["account"]] = row;
  std::map<std::string, std::string> offices;
  for (auto& row : ReadCsv(*folder + "/sales_teams.csv")) offices[row["sales_agent"]] = row["regional_office"];
  LeadUpserts items;
  for (auto& row : ReadCsv(*folder + "/sales_pipeline.csv")) {
    const std::string& stage = row["deal_stage"];
    const auto state = stage == "Won" ? Lead::STATE_WON : stage == "Lost" ? Lead::STATE_LOST : Lead::STATE_OPEN;
    auto item = ItemOf(row["opportunity_id"], state,
                       stage == "Won"           ? "won"
                       : stage == "Prospecting" ? "new"
                                                : "qualified");
    Lead& lead = *item.mutable_lead();
    std::string team = offices[row["sales_agent"]];
    team[0] = static_cast<char>(team[0] - 'A' + 'a');
    lead.set_team("teams/" + team);
    lead.set_source(row["product"]);
    lead.set_industry(accounts[row["account"]]["sector"]);
    lead.set_country(accounts[row["account"]]["office_location"]);
    items.push_back(std::move(item));
  }
  ASSERT_EQ(items.size(), 8800);
  Import(items);
  CheckAll();
}

}  // namespace
}  // namespace embudo
