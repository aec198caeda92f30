#include "common/app/readiness.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <vector>

namespace embudo::app {
namespace {

const absl::Status kOk = absl::OkStatus();
const absl::Status kDown = absl::UnavailableError("waiting for the database");

/// What the listener hears while the check answers one after the other.
std::vector<bool> Hear(std::deque<absl::Status> answers) {
  std::mutex mutex;
  std::condition_variable done;
  std::vector<bool> heard;
  {
    const Readiness readiness(
        [&] {
          const std::lock_guard lock(mutex);
          if (answers.size() == 1) {
            done.notify_all();
            return answers.front();
          }
          absl::Status answer = answers.front();
          answers.pop_front();
          return answer;
        },
        [&](const absl::Status& status) {
          const std::lock_guard lock(mutex);
          heard.push_back(status.ok());
        },
        std::chrono::milliseconds(1));
    std::unique_lock lock(mutex);
    done.wait(lock, [&answers] { return answers.size() == 1; });
  }
  return heard;
}

TEST(ReadinessTest, TellsTheFirstAnswer) {
  EXPECT_EQ(Hear({kOk, kOk}), std::vector{true});
  EXPECT_EQ(Hear({kDown, kDown}), std::vector{false});
}

TEST(ReadinessTest, IsReadyAtTheFirstOk) { EXPECT_EQ(Hear({kDown, kDown, kOk, kOk}), (std::vector{false, true})); }

TEST(ReadinessTest, OneOrTwoFailuresChangeNothing) {
  EXPECT_EQ(Hear({kOk, kDown, kDown, kOk, kDown, kDown, kOk, kOk}), std::vector{true});
}

TEST(ReadinessTest, ThreeFailuresInARowDo) {
  EXPECT_EQ(Hear({kOk, kDown, kDown, kDown, kOk, kOk}), (std::vector{true, false, true}));
}

}  // namespace
}  // namespace embudo::app
