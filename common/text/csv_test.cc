#include "common/text/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "common/base/error.h"
#include "common/testing/shared_data.h"

namespace embudo::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using Cells = std::vector<std::string>;

std::vector<CsvRow> Read(std::string_view bytes, const CsvOptions& options = {}, size_t chunk = 7) {
  CsvReader reader(options);
  std::vector<CsvRow> rows;
  CsvRow row;
  for (size_t at = 0; at < bytes.size(); at += chunk) {
    EXPECT_TRUE(reader.Feed(bytes.substr(at, chunk)).ok());
    while (reader.Next(&row)) rows.push_back(row);
  }
  EXPECT_TRUE(reader.Finish().ok());
  while (reader.Next(&row)) rows.push_back(row);
  return rows;
}

std::vector<Cells> ReadCells(std::string_view bytes, const CsvOptions& options = {}) {
  std::vector<Cells> cells;
  for (const CsvRow& row : Read(bytes, options)) cells.push_back(row.cells);
  return cells;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

TEST(CsvTest, ReadsAnyLineEnd) {
  const auto wanted = ElementsAre(Cells{"a", "b"}, Cells{"1", "2"}, Cells{"3", "4"});
  EXPECT_THAT(ReadCells("a,b\r\n1,2\r\n3,4\r\n"), wanted);
  EXPECT_THAT(ReadCells("a,b\n1,2\n3,4"), wanted);
  EXPECT_THAT(ReadCells("a,b\r1,2\r3,4\r"), wanted);
  EXPECT_THAT(ReadCells("\n\na,b\n\n1,2\n\r\n3,4\n\n"), wanted);
}

TEST(CsvTest, ReadsQuotes) {
  EXPECT_THAT(ReadCells("a,b\n\"x, y\",\"he said \"\"no\"\"\"\n"),
              ElementsAre(Cells{"a", "b"}, Cells{"x, y", "he said \"no\""}));
  EXPECT_THAT(ReadCells("a,b\n\"two\r\nlines\",2\n"), ElementsAre(Cells{"a", "b"}, Cells{"two\r\nlines", "2"}));
  EXPECT_THAT(ReadCells("a,b\n6\" pipe,x\n"), ElementsAre(Cells{"a", "b"}, Cells{"6\" pipe", "x"}));
  EXPECT_THAT(ReadCells("a,b\n  x ,\t\n"), ElementsAre(Cells{"a", "b"}, Cells{"  x ", "\t"}));
  EXPECT_THAT(ReadCells("a,b\n,\n\"\",\n"), ElementsAre(Cells{"a", "b"}, Cells{"", ""}, Cells{"", ""}));
}

TEST(CsvTest, CountsRowsAndLines) {
  const auto rows = Read("a,b\r\n\r\n\"x\r\ny\nz\",1\r\nlast,2");
  ASSERT_THAT(rows, SizeIs(3));
  EXPECT_EQ(rows[0].number, 1);
  EXPECT_EQ(rows[0].line, 1);
  EXPECT_EQ(rows[1].number, 2);
  EXPECT_EQ(rows[1].line, 3);
  EXPECT_EQ(rows[2].number, 3);
  EXPECT_EQ(rows[2].line, 6);
}

TEST(CsvTest, TellsRaggedRows) {
  const auto rows = Read("a,b,c\n1,2\n1,2,3,4\n1,2,3,,\n1,2,3\n");
  ASSERT_THAT(rows, SizeIs(5));
  EXPECT_EQ(rows[1].problem, CsvProblem::kTooFewCells);
  EXPECT_EQ(rows[2].problem, CsvProblem::kTooManyCells);
  EXPECT_THAT(rows[2].cells, ElementsAre("1", "2", "3", "4"));
  EXPECT_EQ(rows[3].problem, CsvProblem::kNone);
  EXPECT_EQ(rows[4].problem, CsvProblem::kNone);
}

TEST(CsvTest, FindsTheDelimiterOut) {
  EXPECT_EQ(SniffDelimiter("a;b;c\n1,5;2,5;3\n"), ';');
  EXPECT_EQ(SniffDelimiter("a\tb\nx, y\tz\n"), '\t');
  EXPECT_EQ(SniffDelimiter("a|b|c\n"), '|');
  EXPECT_EQ(SniffDelimiter("a,\"b;c;d\",e\n1,2,3\n"), ',');
  EXPECT_EQ(SniffDelimiter("single\nvalue\n"), ',');
  EXPECT_EQ(SniffDelimiter(""), ',');
  EXPECT_THAT(ReadCells("sep=;\r\na,x;b\r\n1;2\r\n"), ElementsAre(Cells{"a,x", "b"}, Cells{"1", "2"}));
  CsvOptions given;
  given.delimiter = '!';
  EXPECT_THAT(ReadCells("a,x!b\n1!2\n", given), ElementsAre(Cells{"a,x", "b"}, Cells{"1", "2"}));
}

TEST(CsvTest, ReadsEncodings) {
  const std::vector<Cells> wanted = {{"näme", "b"}, {"Zoë", "€"}};
  EXPECT_EQ(ReadCells("\xef\xbb\xbfnäme,b\nZoë,€\n"), wanted);
  EXPECT_EQ(ReadCells("näme,b\nZoë,€\n"), wanted);
  EXPECT_EQ(ReadCells("n\xe4me,b\nZo\xeb,\x80\n"), wanted);
  std::string little;
  std::string big;
  for (const char16_t unit : std::u16string(u"näme,b\nZoë,€\n")) {
    little += {static_cast<char>(unit & 0xff), static_cast<char>(unit >> 8)};
    big += {static_cast<char>(unit >> 8), static_cast<char>(unit & 0xff)};
  }
  EXPECT_EQ(ReadCells("\xff\xfe" + little), wanted);
  EXPECT_EQ(ReadCells("\xfe\xff" + big), wanted);
  EXPECT_EQ(ReadCells(little), wanted);
  CsvOptions cyrillic;
  cyrillic.encoding = "windows-1251";
  EXPECT_EQ(ReadCells("\xcf\xf0,b\n", cyrillic), (std::vector<Cells>{{"Пр", "b"}}));
}

TEST(CsvTest, OneBadCellDoesNotChangeTheOthers) {
  EXPECT_THAT(ReadCells("a,b\nZoë,M\xfcller\n"), ElementsAre(Cells{"a", "b"}, Cells{"Zoë", "Müller"}));
}

TEST(CsvTest, TellsOfANul) {
  const auto rows = Read(std::string_view("a,bcdefg\n1,x\0y\n2,z\n", 19));
  ASSERT_THAT(rows, SizeIs(3));
  EXPECT_THAT(rows[1].cells, ElementsAre("1", "xy"));
  EXPECT_EQ(rows[1].problem, CsvProblem::kNul);
  EXPECT_EQ(rows[1].problem_cell, 1u);
  EXPECT_EQ(rows[2].problem, CsvProblem::kNone);
}

TEST(CsvTest, AFileWithNulsInItsHeaderHasThemEverywhere) {
  const auto rows = Read(std::string_view("\"a\0\",b\0c\n\"x\0\",2\0\n", 17));
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_THAT(rows[1].cells, ElementsAre("x", "2"));
  EXPECT_EQ(rows[1].problem, CsvProblem::kNone);
}

TEST(CsvTest, AQuoteLeftOpenIsTold) {
  const auto rows = Read("a,b\n1,2\n3,\"four\n5,6\n");
  ASSERT_THAT(rows, SizeIs(3));
  EXPECT_EQ(rows[1].problem, CsvProblem::kNone);
  EXPECT_EQ(rows[2].problem, CsvProblem::kUnclosedQuote);
  EXPECT_THAT(rows[2].cells, ElementsAre("3", "four\n5,6\n"));
}

TEST(CsvTest, ACellMayNotGrowWithoutEnd) {
  CsvReader reader;
  ASSERT_TRUE(reader.Feed("a,b\n1,2\n3,\"").ok());
  absl::Status status;
  for (int i = 0; i < 40 && status.ok(); ++i) status = reader.Feed(std::string(64 << 10, 'x'));
  EXPECT_EQ(ReasonOf(status), "CELL_TOO_LONG");
  EXPECT_THAT(MessageOf(status), HasSubstr("line 3"));
  EXPECT_EQ(reader.Finish(), status);
  CsvRow row;
  ASSERT_TRUE(reader.Next(&row));
  ASSERT_TRUE(reader.Next(&row));
  EXPECT_THAT(row.cells, ElementsAre("1", "2"));
  EXPECT_FALSE(reader.Next(&row));
}

TEST(CsvTest, RowsHaveLimits) {
  std::string many = "a";
  for (size_t i = 0; i < kMaxCsvColumns; ++i) many += ",x";
  auto rows = Read(many + "\n1,2\n", {}, 1000);
  EXPECT_EQ(rows[0].problem, CsvProblem::kTooManyColumns);
  EXPECT_THAT(rows[0].cells, SizeIs(kMaxCsvColumns));

  const std::string cell(900 << 10, 'x');
  rows =
      Read("a,b,c,d,e,f\n" + cell + "," + cell + "," + cell + "," + cell + "," + cell + ",z\n1,2,3,4,5,6\n", {}, 65536);
  ASSERT_THAT(rows, SizeIs(3));
  EXPECT_EQ(rows[1].problem, CsvProblem::kTooLong);
  EXPECT_EQ(rows[1].cells[3].size(), cell.size());
  EXPECT_EQ(rows[1].cells[4], "");
  EXPECT_EQ(rows[2].problem, CsvProblem::kNone);
}

TEST(CsvTest, NothingIsNothing) {
  EXPECT_THAT(Read(""), SizeIs(0));
  EXPECT_THAT(Read("\n\r\n"), SizeIs(0));
  EXPECT_THAT(Read("\xef\xbb\xbf"), SizeIs(0));
  EXPECT_THAT(ReadCells("x"), ElementsAre(Cells{"x"}));
}

TEST(CsvTest, WhatIsWrittenIsRead) {
  std::mt19937 random(7);
  const std::string alphabet = "ab,;\"\r\n\t é";
  for (int round = 0; round < 300; ++round) {
    std::vector<Cells> written(1 + random() % 5, Cells(1 + random() % 4));
    std::string file;
    for (Cells& cells : written) {
      for (std::string& cell : cells) {
        for (size_t i = random() % 6; i > 0; --i) cell += alphabet[random() % 9];
      }
      file += CsvLine(cells);
    }
    CsvOptions comma;
    comma.delimiter = ',';
    EXPECT_EQ(ReadCells(file, comma), written) << file;
  }
}

TEST(CsvTest, QuotesOnlyWhereNeeded) {
  EXPECT_EQ(CsvLine({"a", "b c", "1"}), "a,b c,1\r\n");
  EXPECT_EQ(CsvLine({"a,b", "say \"x\"", "l\n"}), "\"a,b\",\"say \"\"x\"\"\",\"l\n\"\r\n");
  EXPECT_EQ(CsvLine({"a;b", "c,d"}, ';'), "\"a;b\";c,d\r\n");
  EXPECT_EQ(CsvLine({""}), "\"\"\r\n");
}

TEST(CsvTest, ReadsDataLoadersFiles) {
  const auto folder = testing::SharedData("crm_exports/salesforce_dataloader/testfiles");
  if (!folder) GTEST_SKIP() << testing::kNoSharedData;
  const auto plain = ReadCells(ReadFile(*folder + "/csvtext.csv"));
  EXPECT_THAT(plain, ElementsAre(Cells{"column1", "column2", "column3"}, Cells{"row1-1", "row1-2", "row1-3"},
                                 Cells{"row2-1", "row2-2", "row2-3"}));
  // "UTF32BE" is UTF-16 with a NUL after every character.
  for (const char* name : {"UTF8", "UTF16LE", "UTF16BE", "UTF32BE"}) {
    const auto rows = ReadCells(ReadFile(*folder + "/csvtext_BOM_" + name + ".csv"));
    ASSERT_THAT(rows, SizeIs(3)) << name;
    EXPECT_EQ(rows[0], plain[0]) << name;
    EXPECT_THAT(rows[1], SizeIs(3)) << name;
  }
  EXPECT_EQ(ReadCells(ReadFile(*folder + "/csvEscapedQuotes.csv"))[1][0], "\"The Best\" Account");
}

TEST(CsvTest, ReadsRealExports) {
  const auto folder = testing::SharedData("crm_exports");
  if (!folder) GTEST_SKIP() << testing::kNoSharedData;
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(*folder)) {
    if (entry.path().extension() != ".csv") continue;
    ++files;
    for (const CsvRow& row : Read(ReadFile(entry.path()), {}, 65536)) {
      for (const std::string& cell : row.cells) EXPECT_TRUE(IsUtf8(cell)) << entry.path();
    }
  }
  EXPECT_GT(files, 50);
}

}  // namespace
}  // namespace embudo::text
