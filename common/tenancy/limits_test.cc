#include "common/tenancy/limits.h"

#include <gtest/gtest.h>

#include "common/testing/manual_clock.h"

namespace embudo::tenancy {
namespace {

using rpc::MethodClass;
using std::chrono::milliseconds;

TEST(BucketsTest, WhoDoesNotHeedRefusalsWaitsForThem) {
  testing::ManualClock clock;
  Buckets buckets(clock, 1);
  const auto take = [&](const char* tenant = "a") { return buckets.Take(tenant, MethodClass::kRead, 20); };
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(take().status.ok()) << i;
  for (int i = 0; i < 20; ++i) {
    const rpc::Admission refused = take();
    EXPECT_FALSE(refused.status.ok()) << i;
    EXPECT_EQ(refused.hold, milliseconds(0)) << i;
  }
  EXPECT_EQ(take().hold, milliseconds(50));
  // Another tenant, and another class of methods, have their own count.
  EXPECT_EQ(take("b").hold, milliseconds(0));
  EXPECT_EQ(buckets.Take("a", MethodClass::kWrite, 1).hold, milliseconds(0));
  // Who waits is served, and refused at once again.
  clock.Advance(std::chrono::seconds(1));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(take().status.ok()) << i;
  EXPECT_EQ(take().hold, milliseconds(0));
}

TEST(BucketsTest, LowLimitsForgiveAFewCalls) {
  testing::ManualClock clock;
  Buckets buckets(clock, 1);
  EXPECT_TRUE(buckets.Take("a", MethodClass::kBulk, 1).status.ok());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(buckets.Take("a", MethodClass::kBulk, 1).hold, milliseconds(0)) << i;
  EXPECT_EQ(buckets.Take("a", MethodClass::kBulk, 1).hold, milliseconds(50));
}

TEST(BucketsTest, ProcessesShareALimit) {
  testing::ManualClock clock;
  Buckets buckets(clock, 4);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(buckets.Take("a", MethodClass::kRead, 20).status.ok()) << i;
  EXPECT_FALSE(buckets.Take("a", MethodClass::kRead, 20).status.ok());
}

}  // namespace
}  // namespace embudo::tenancy
