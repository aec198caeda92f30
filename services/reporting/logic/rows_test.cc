#include "services/reporting/logic/rows.h"

#include <gmock/gmock.h>

namespace embudo::reporting::logic {
namespace {

std::vector<std::string> Sorted(const std::vector<std::vector<Value>>& values) {
  std::vector<Row> rows;
  for (const auto& of_row : values) rows.push_back({of_row, {}});
  Sort(rows);
  std::vector<std::string> out;
  for (const Row& row : rows) {
    std::string text;
    for (const Value& value : row.values) text += (text.empty() ? "" : "|") + value.value;
    out.push_back(text);
  }
  return out;
}

TEST(SortTest, StagesGoByPipelineAndPlace) {
  EXPECT_THAT(Sorted({{{"pipelines/b/stages/new", "New", 10, true}},
                      {{"pipelines/a/stages/won", "Won", 50, true}},
                      {{"", "", 0}},
                      {{"pipelines/a/stages/zero", "Zero", 10, true}}}),
              testing::ElementsAre("pipelines/a/stages/zero", "pipelines/a/stages/won", "pipelines/b/stages/new", ""));
}

TEST(SortTest, OthersGoByDisplayNameThenTheNextDimension) {
  EXPECT_THAT(Sorted({{{"users/1", "Zoe"}, {"2017-02", "2017-02"}},
                      {{"users/2", "Ann"}, {"2017-03", "2017-03"}},
                      {{"users/2", "Ann"}, {"2017-01", "2017-01"}},
                      {{"users/2", "Ann"}, {"", ""}}}),
              testing::ElementsAre("users/2|2017-01", "users/2|2017-03", "users/2|", "users/1|2017-02"));
}

TEST(SortTest, BandsGoByNumber) {
  EXPECT_THAT(Sorted({{{"90-100", "90-100", 9}}, {{"0-10", "0-10", 0}}, {{"10-20", "10-20", 1}}}),
              testing::ElementsAre("0-10", "10-20", "90-100"));
}

}  // namespace
}  // namespace embudo::reporting::logic
