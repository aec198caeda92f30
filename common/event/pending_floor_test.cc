#include "common/event/pending_floor.h"

#include <gtest/gtest.h>

namespace embudo::event {
namespace {

constexpr int kLimit = 10;

/// To where all that may have drawn a number up to now is over.
void PassAll(PendingFloor& floor) {
  floor.Tick(100, 100);
  floor.Tick(101, 101);
  floor.Tick(102, 102);
}

TEST(PendingFloorTest, RisesToWhatWasTakenWhenAllThatMayComeBelowIsOver) {
  PendingFloor floor;
  floor.Took({{3, {kLimit, 50}}}, kLimit);
  PassAll(floor);
  EXPECT_EQ(floor.Of(3), 0);  // what came last may not have been read yet
  floor.Took({{3, {kLimit, 60}}}, kLimit);
  EXPECT_EQ(floor.Of(3), 50);
  EXPECT_EQ(floor.Of(4), 0);
}

TEST(PendingFloorTest, WaitsForATransactionThatMayHaveDrawnALowerNumber) {
  PendingFloor floor;
  floor.Took({{3, {kLimit, 50}}}, kLimit);
  floor.Tick(100, 90);
  floor.Tick(101, 90);  // 90 runs, and ends only after the next one
  floor.Tick(102, 90);
  floor.Took({{3, {kLimit, 60}}}, kLimit);
  EXPECT_EQ(floor.Of(3), 0);
  floor.Tick(103, 103);
  floor.Took({{3, {kLimit, 70}}}, kLimit);
  EXPECT_EQ(floor.Of(3), 50);
}

TEST(PendingFloorTest, IsNotPastWhatIsStillToBeRead) {
  PendingFloor floor;
  floor.Took({{3, {kLimit, 50}}}, kLimit);
  PassAll(floor);
  // Late ones: a whole batch of them, and there may be more.
  floor.Took({{3, {kLimit, 40}}}, kLimit);
  EXPECT_EQ(floor.Of(3), 0);
  floor.Took({{3, {2, 49}}}, kLimit);
  EXPECT_EQ(floor.Of(3), 50);
}

TEST(PendingFloorTest, AnEmptyBatchProvesNothing) {
  PendingFloor floor;
  floor.Took({{3, {kLimit, 50}}}, kLimit);
  PassAll(floor);
  floor.Took({}, kLimit);
  EXPECT_EQ(floor.Of(3), 0);
  // Of this partition nothing was left.
  floor.Took({{4, {1, 60}}}, kLimit);
  EXPECT_EQ(floor.Of(3), 50);
}

TEST(PendingFloorTest, RisesAgainAndAgain) {
  PendingFloor floor;
  for (int64_t last = 50; last <= 250; last += 100) {
    floor.Took({{3, {kLimit, last}}}, kLimit);
    PassAll(floor);
    floor.Took({{3, {kLimit, last + 50}}}, kLimit);
    EXPECT_EQ(floor.Of(3), last);
  }
}

TEST(PendingFloorTest, NeedsNoTickWhereNothingIsTaken) {
  PendingFloor floor;
  EXPECT_FALSE(floor.Lags());
  floor.Took({{3, {1, 50}}}, kLimit);
  EXPECT_TRUE(floor.Lags());
  PassAll(floor);
  floor.Took({{4, {1, 60}}}, kLimit);
  EXPECT_TRUE(floor.Lags());  // for partition 4
  PassAll(floor);
  floor.Took({{4, {1, 60}}}, kLimit);
  EXPECT_FALSE(floor.Lags());
}

TEST(PendingFloorTest, ReadsFromTheBeginningFromTimeToTime) {
  PendingFloor floor;
  floor.Took({{3, {kLimit, 50}}}, kLimit);
  PassAll(floor);
  floor.Took({{3, {kLimit, 60}}}, kLimit);
  ASSERT_EQ(floor.Of(3), 50);
  for (int i = 0; i < 60; ++i) floor.Tick(200, 150);
  EXPECT_EQ(floor.Of(3), 0);
}

}  // namespace
}  // namespace embudo::event
