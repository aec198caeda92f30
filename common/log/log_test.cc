#include "common/log/log.h"

#include <gtest/gtest.h>

#include <functional>

namespace embudo::log {
namespace {

std::string Capture(const std::function<void()>& body) {
  testing::internal::CaptureStderr();
  body();
  return testing::internal::GetCapturedStderr();
}

TEST(LogTest, WritesOneJsonObjectALine) {
  Init("pipe\"line", "info");
  const std::string text = Capture([] { Warning("two\nlines", {{"count", 3}}); });
  ASSERT_EQ(text.find('\n'), text.size() - 1);
  const auto line = nlohmann::json::parse(text);
  EXPECT_EQ(line["level"], "warning");
  EXPECT_EQ(line["service"], "pipe\"line");
  EXPECT_EQ(line["message"], "two\nlines");
  EXPECT_EQ(line["count"], 3);
  EXPECT_EQ(line["time"].get<std::string>().size(), std::string("2026-11-23T18:18:07.123456Z").size());
}

TEST(LogTest, LeavesOutWhatIsBelowTheLevel) {
  Init("test", "warning");
  EXPECT_FALSE(InfoEnabled());
  EXPECT_EQ(Capture([] { Info("quiet"); }), "");
  Init("test", "debug");
  EXPECT_NE(Capture([] { Debug("loud"); }), "");
}

TEST(LogTest, ReplacesBytesThatAreNoText) {
  Init("test", "info");
  const std::string text = Capture([] { Error("caf\xe9", {{"value", "\xff"}}); });
  EXPECT_EQ(nlohmann::json::parse(text)["message"], "caf\xef\xbf\xbd");
}

TEST(LogTest, LinesOfAScopeCarryItsIds) {
  Init("test", "info");
  const auto call_of = [](const std::string& text) { return nlohmann::json::parse(text).value("call_id", "none"); };
  const Scope outer("a", "t");
  {
    const Scope inner("b", "t");
    EXPECT_EQ(call_of(Capture([] { Error("inside"); })), "b");
  }
  EXPECT_EQ(call_of(Capture([] { Error("outside"); })), "a");
}

}  // namespace
}  // namespace embudo::log
