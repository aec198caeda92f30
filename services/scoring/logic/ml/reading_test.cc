#include "services/scoring/logic/ml/reading.h"

#include <gmock/gmock.h>

#include <cmath>

#include "services/scoring/logic/ml/csv_table.h"
#include "services/scoring/logic/ml/values.h"

namespace embudo::scoring::ml {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

Table OneColumn(const std::string& name, std::vector<std::string> cells) { return {{name}, {std::move(cells)}}; }

/// `rows` cells.
template <class Make>
std::vector<std::string> Cells(int rows, Make make) {
  std::vector<std::string> cells;
  for (int i = 0; i < rows; ++i) cells.push_back(make(i));
  return cells;
}

TEST(ValuesTest, NumbersAsFilesWriteThem) {
  EXPECT_THAT(ParseNumber(" 12 ", false), Optional(12));
  EXPECT_THAT(ParseNumber("-3.5e2", false), Optional(-350));
  EXPECT_THAT(ParseNumber("$1,234.50", false), Optional(1234.5));
  EXPECT_THAT(ParseNumber("(200)", false), Optional(-200));
  EXPECT_THAT(ParseNumber("12 %", false), Optional(12));
  EXPECT_THAT(ParseNumber("1.234,5", true), Optional(1234.5));
  EXPECT_THAT(ParseNumber("0,5", true), Optional(0.5));
  for (const char* none : {"", "abc", "1,23", "12 34", "1e999", "nan", "inf", "1.2.3", "5 apples"}) {
    EXPECT_EQ(ParseNumber(none, false), std::nullopt) << none;
  }
}

TEST(ValuesTest, WhatCountsAsMissing) {
  for (const char* cell : {"", "  ", "NA", "n/a", "NULL", "None", "?", "-", "NaN"})
    EXPECT_TRUE(IsMissing(cell)) << cell;
  for (const char* cell : {"0", "no", "unknown", "--", "Nanny"}) EXPECT_FALSE(IsMissing(cell)) << cell;
}

TEST(ReadingTest, NumbersKeepTheirHoles) {
  const Table table = OneColumn("age", {"30", "", "41.5", "NA"});
  const Dataset data = Reading::Learn(table).Read(table);
  ASSERT_THAT(data.columns, SizeIs(1));
  EXPECT_TRUE(data.columns[0].is_number);
  EXPECT_DOUBLE_EQ(data.columns[0].numbers[2], 41.5);
  EXPECT_TRUE(std::isnan(data.columns[0].numbers[1]));
}

TEST(ReadingTest, CategoriesAreCountedAndMissingOnesHaveNoCode) {
  const Table table = OneColumn("job", {"clerk", "", "smith", "clerk"});
  const Dataset data = Reading::Learn(table).Read(table);
  EXPECT_THAT(data.columns[0].codes, ElementsAre(0, -1, 1, 0));
  EXPECT_THAT(data.columns[0].values, ElementsAre("clerk", "smith"));
}

TEST(ReadingTest, DatesBecomeDaysAndTheirParts) {
  const Table table = OneColumn("seen", {"2018-02-01", "2017-10-20", "2018-03-22"});
  const Reading reading = Reading::Learn(table);
  EXPECT_EQ(reading.sources()[0].kind, Source::Kind::kDate);
  const Dataset data = reading.Read(table);
  ASSERT_THAT(data.columns, SizeIs(4));
  EXPECT_EQ(data.columns[0].numbers[0] - data.columns[0].numbers[1], 104);
  EXPECT_EQ(data.columns[1].numbers[1], 10);  // October
  EXPECT_EQ(data.columns[2].numbers[0], 4);   // a Thursday
}

TEST(ReadingTest, TheOrderOfADatesPartsIsFound) {
  EXPECT_EQ(Reading::Learn(OneColumn("d", {"03/04/2024", "25/04/2024"})).sources()[0].order,
            text::DateOrder::kDayMonthYear);
  EXPECT_EQ(Reading::Learn(OneColumn("d", {"03/04/2024", "04/25/2024"})).sources()[0].order,
            text::DateOrder::kMonthDayYear);
}

TEST(ReadingTest, PairsOfDatesTellTheDaysBetween) {
  const Table table = {{"a", "b"}, {{"2018-02-01", "2018-02-02"}, {"2018-02-11", "2018-02-03"}}};
  const Dataset data = Reading::Learn(table).Read(table);
  EXPECT_EQ(data.columns.back().name, "a to b");
  EXPECT_THAT(data.columns.back().numbers, ElementsAre(10, 1));
}

TEST(ReadingTest, WhatTellsNothingIsLeftOut) {
  const Table table = {{"constant", "empty", "key", "row", "note"},
                       {Cells(60, [](int) { return "x"; }), Cells(60, [](int) { return ""; }),
                        Cells(60, [](int i) { return "key-" + std::to_string(i); }),
                        Cells(60, [](int i) { return std::to_string(1000 + i); }),
                        Cells(60, [](int i) { return "they called and said " + std::to_string(i / 2); })}};
  std::vector<std::string> reasons;
  const Reading reading = Reading::Learn(table);
  for (const Source& source : reading.sources()) reasons.push_back(source.why);
  EXPECT_THAT(reasons, ElementsAre("constant", "empty", "id", "id", "text"));
  EXPECT_THAT(reading.Read(table).columns, IsEmpty());
}

TEST(ReadingTest, AnotherTableIsReadAsLearned) {
  const Reading reading = Reading::Learn({{"n", "c"}, {{"1", "2", "3"}, {"a", "b", "a"}}});
  const Dataset data = reading.Read({{"c", "other"}, {{"z"}, {"1"}}});
  ASSERT_THAT(data.columns, SizeIs(2));
  EXPECT_TRUE(std::isnan(data.columns[0].numbers[0]));
  EXPECT_THAT(data.columns[1].values, ElementsAre("z"));
}

TEST(CsvTableTest, ReadsAnySeparatorAndMendsHeaders) {
  CsvTable csv;
  ASSERT_TRUE(csv.Feed("a;a;\"\";b\n1;2;3;4\n").ok());
  ASSERT_TRUE(csv.Feed("5;6\n").ok());
  const auto table = csv.Finish();
  ASSERT_TRUE(table.ok());
  EXPECT_THAT(table->names, ElementsAre("a", "a (2)", "column 3", "b"));
  EXPECT_THAT(table->cells[3], ElementsAre("4", ""));
}

TEST(CsvTableTest, NothingIsNoTable) {
  EXPECT_EQ(CsvTable().Finish().status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace embudo::scoring::ml
