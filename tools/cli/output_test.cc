#include "tools/cli/output.h"

#include <gtest/gtest.h>

#include <sstream>

namespace embudo::cli {
namespace {

const std::vector<Json> kRows = {
    {{"name", "leads/1"}, {"revenue", 12.5}, {"contact", {{"city", "Köln"}}}, {"tags", {"a", "b"}}},
    {{"name", "leads/20"}, {"revenue", 7}, {"note", "one\ntwo"}},
};
const std::vector<Column> kColumns = {
    {"NAME", "name"}, {"REVENUE", "revenue"}, {"CITY", "contact.city"}, {"TAGS", "tags"}};

std::string Written(Format format, const std::function<void(Output&)>& write) {
  std::ostringstream out;
  Output output(format, out);
  write(output);
  return out.str();
}

TEST(OutputTest, TablesAreAligned) {
  EXPECT_EQ(Written(Format::kTable, [](Output& output) { output.Rows(kRows, kColumns); }),
            "NAME      REVENUE  CITY  TAGS\n"
            "leads/1      12.5  Köln  a, b\n"
            "leads/20        7\n");
}

TEST(OutputTest, CsvHasPathsAndQuotes) {
  EXPECT_EQ(Written(Format::kCsv, [](Output& output) { output.Rows(kRows, kColumns); }),
            "name,revenue,contact.city,tags\r\nleads/1,12.5,Köln,\"a, b\"\r\nleads/20,7,,\r\n");
}

TEST(OutputTest, JsonHasEverything) {
  const std::string text = Written(Format::kJson, [](Output& output) { output.Rows(kRows, kColumns); });
  EXPECT_EQ(Json::parse(text), Json(kRows));
}

TEST(OutputTest, ObjectsGoByLine) {
  const Json object = {{"win_rate", 63.15}, {"won", 4238}};
  EXPECT_EQ(Written(Format::kTable, [&](Output& output) { output.Object(object); }),
            "win_rate  63.15\nwon       4238\n");
  EXPECT_EQ(Written(Format::kCsv, [&](Output& output) { output.Object(object); }), "win_rate,won\r\n63.15,4238\r\n");
  EXPECT_EQ(Json::parse(Written(Format::kJson, [&](Output& output) { output.Object(object); })), object);
}

TEST(OutputTest, AmountsAreNumbers) {
  google::type::Money money;
  money.set_units(10005534);
  EXPECT_EQ(ToNumber(money).dump(), "10005534");
  money.set_units(-2360);
  money.set_nanos(-910'000'000);
  EXPECT_EQ(ToNumber(money).dump(), "-2360.91");
}

TEST(OutputTest, CellsShowAmountsAndDatesAsPeopleWriteThem) {
  EXPECT_EQ(CellText({{"currency_code", "USD"}, {"units", "2360"}, {"nanos", 910000000}}), "2360.91 USD");
  EXPECT_EQ(CellText({{"year", 2017}, {"month", 3}, {"day", 1}}), "2017-03-01");
  EXPECT_EQ(CellText({{"a", 1}}), "{\"a\":1}");
  EXPECT_EQ(CellText(true), "true");
  EXPECT_EQ(CellText(20.0), "20");
  EXPECT_EQ(CellText(63.15), "63.15");
}

TEST(OutputTest, DottedMembersAreFound) {
  const Json row = {{"custom_fields.region", "north"}, {"a", {{"b", 1}}}, {"c", 2}};
  EXPECT_EQ(At(row, "custom_fields.region"), "north");
  EXPECT_EQ(At(row, "a.b"), 1);
  EXPECT_TRUE(At(row, "c.d").is_null());
  EXPECT_TRUE(At(row, "x").is_null());
}

}  // namespace
}  // namespace embudo::cli
