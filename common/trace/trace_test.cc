#include "common/trace/trace.h"

#include <gtest/gtest.h>

namespace embudo::trace {
namespace {

constexpr char kTraceparent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceTest, ReadsAndWritesATraceparent) {
  const auto context = Context::Parse(kTraceparent);
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(context->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(context->span_id, "00f067aa0ba902b7");
  EXPECT_TRUE(context->sampled);
  EXPECT_EQ(context->ToTraceparent(), kTraceparent);
  EXPECT_EQ(TraceIdOf(kTraceparent), context->trace_id);
}

TEST(TraceTest, ReadsTheSampledBitOnly) {
  EXPECT_FALSE(Context::Parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0a")->sampled);
  EXPECT_TRUE(Context::Parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0b")->sampled);
}

TEST(TraceTest, ReadsLaterVersionsAsFarAsTheyAreKnown) {
  EXPECT_TRUE(Context::Parse("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more").has_value());
  EXPECT_FALSE(Context::Parse(std::string(kTraceparent) + "-more").has_value());
}

TEST(TraceTest, RefusesWhatIsNone) {
  for (const char* text : {"", "00", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}) {
    EXPECT_FALSE(Context::Parse(text).has_value()) << text;
  }
}

TEST(TraceTest, AChildKeepsTheTraceAndGetsItsOwnSpan) {
  const Context parent = Context::New();
  const Context child = parent.Child();
  EXPECT_EQ(child.trace_id, parent.trace_id);
  EXPECT_NE(child.span_id, parent.span_id);
  EXPECT_TRUE(Context::Parse(child.ToTraceparent()).has_value());
  EXPECT_NE(Context::New().trace_id, parent.trace_id);
}

}  // namespace
}  // namespace embudo::trace
