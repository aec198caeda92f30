#include "services/scoring/logic/lead_cells.h"

#include <gmock/gmock.h>

namespace embudo::scoring::logic {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using type::v1::Lead;

const Time kNow = std::chrono::sys_days(std::chrono::year(2024) / 3 / 15);

Lead Worked() {
  Lead lead;
  lead.set_source("fair");
  lead.set_stage("pipelines/p/stages/new");
  lead.add_tags("tags/hot");
  lead.set_pain("slow");
  lead.set_contact_name("Ada");
  lead.set_email("ada@example.com");
  lead.set_lost_reason("lostReasons/price");
  lead.mutable_expected_revenue()->set_currency_code("USD");
  lead.mutable_expected_revenue()->set_units(1200);
  *lead.mutable_create_time() = ToTimestamp(kNow - std::chrono::hours(36));
  return lead;
}

TEST(LeadCellsTest, AnOpenLeadIsToldWithoutNamesTextsAndWhatClosingSets) {
  EXPECT_THAT(CellsOf(Worked(), kNow),
              UnorderedElementsAre(Pair("source", "fair"), Pair("stage", "pipelines/p/stages/new"),
                                   Pair("tag.hot", "yes"), Pair("pain_known", "yes"), Pair("email_quality", "correct"),
                                   Pair("expected_revenue", "1200"), Pair("days_since_creation", "1.50")));
}

TEST(LeadCellsTest, OneThatWasClosedWhenFirstSeenIsToldByItsBeginning) {
  EXPECT_THAT(CellsOfClosed(Worked()), UnorderedElementsAre(Pair("source", "fair"), Pair("email_quality", "correct")));
}

TEST(LeadCellsTest, ATableHasAColumnForEachVariableThatIsSetOftenEnough) {
  const ml::Table table = TableOf({{{"a", "1"}, {"b", "2"}}, {{"a", "3"}}}, 2);
  EXPECT_THAT(table.names, ElementsAre("a"));
  EXPECT_THAT(table.cells[0], ElementsAre("1", "3"));
  EXPECT_EQ(TableOf({{}, {}}).rows(), 2U);
  EXPECT_THAT(ml::Reading::Learn(TableOf({{}, {}})).Read(TableOf({{}})).columns, IsEmpty());
}

TEST(LeadCellsTest, VariablesHaveWords) {
  EXPECT_EQ(VariableText("owner"), "Sales rep");
  EXPECT_EQ(VariableText("days_in_stage"), "Days in stage");
  EXPECT_EQ(VariableText("custom_fields.region"), "Region");
}

}  // namespace
}  // namespace embudo::scoring::logic
