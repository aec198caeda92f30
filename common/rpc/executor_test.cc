#include "common/rpc/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace embudo::rpc {
namespace {

TEST(ExecutorTest, TakesAsManyTasksAsThreadsAndQueueHold) {
  Executor executor(2, 3);
  std::promise<void> go;
  const std::shared_future<void> gate = go.get_future().share();
  std::atomic<int> ran = 0;
  const auto task = [gate, &ran] {
    gate.wait();
    ++ran;
  };
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(executor.TrySubmit(task)) << i;
  EXPECT_FALSE(executor.TrySubmit(task));
  go.set_value();
  executor.Stop();
  EXPECT_EQ(ran, 5);
}

TEST(ExecutorTest, WithoutAQueueItTakesWhatIdleThreadsTake) {
  Executor executor(1, 0);
  std::promise<void> done;
  EXPECT_TRUE(executor.TrySubmit([&done] { done.set_value(); }));
  done.get_future().wait();
}

TEST(ExecutorTest, TakesNothingOnceStopped) {
  Executor executor(1, 1);
  executor.Stop();
  EXPECT_FALSE(executor.TrySubmit([] {}));
}

}  // namespace
}  // namespace embudo::rpc
