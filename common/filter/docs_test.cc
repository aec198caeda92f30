// The examples of docs/filter.md and docs/events.md are filters.

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "common/filter/event_filter.h"
#include "common/filter/filter.h"
#include "embudo/type/v1/lead.pb.h"

namespace embudo::filter {
namespace {

/// The lines of a page's blocks of a language.
std::vector<std::string> Examples(const std::string& language, const std::string& path = "docs/filter.md") {
  std::ifstream page(path);
  std::vector<std::string> examples;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.compare(0, 3, "```") == 0) {
      inside = line == "```" + language;
    } else if (inside) {
      examples.push_back(line);
    }
  }
  EXPECT_FALSE(examples.empty()) << "tests run in the root of the repository";
  return examples;
}

absl::StatusOr<std::vector<std::string>> Resolve(const std::string&, const std::string&, const std::string&) {
  return std::vector<std::string>{"pipelines/b2b/stages/proposal"};
}

TEST(Docs, ExamplesCompile) {
  const Schema leads = Schema::InMemory(type::v1::Lead::descriptor());
  for (const std::string& text : Examples("filter")) {
    EXPECT_TRUE(Filter::Compile(text, leads, Resolve).ok()) << text;
  }
  for (const char* page : {"docs/filter.md", "docs/events.md"}) {
    for (const std::string& text : Examples("event-filter", page)) {
      EXPECT_TRUE(EventFilter::Compile(text, leads, Resolve).ok()) << text;
    }
  }
  for (const std::string& text : Examples("change-filter")) {
    EXPECT_TRUE(ChangeFilter::Compile(text, leads, Resolve).ok()) << text;
  }
}

}  // namespace
}  // namespace embudo::filter
