#include "common/rpc/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <string>

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

TEST(ExecutorTest, AFloodOfOneGroupLeavesAnotherItsTurns) {
  Executor executor(1, 64);
  std::promise<void> go;
  const std::shared_future<void> gate = go.get_future().share();
  std::mutex mutex;
  std::string order;
  const auto task = [&](char name) {
    return [&, gate, name] {
      gate.wait();
      const std::lock_guard lock(mutex);
      order += name;
    };
  };
  std::promise<void> started;
  EXPECT_TRUE(executor.TrySubmit([&] {
    started.set_value();
    gate.wait();
  }));
  started.get_future().wait();
  int taken = 0;
  while (executor.TrySubmit(task('a'), "a")) ++taken;
  // Three quarters of the queue.
  EXPECT_EQ(taken, 48);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(executor.TrySubmit(task('b'), "b")) << i;
  EXPECT_TRUE(executor.TrySubmit(task('c'), "c"));
  go.set_value();
  executor.Stop();
  EXPECT_EQ(order.substr(0, 9), "abcababaa");
  EXPECT_EQ(order.size(), 48u + 3 + 1);
}

TEST(ExecutorTest, TakesNothingOnceStopped) {
  Executor executor(1, 1);
  executor.Stop();
  EXPECT_FALSE(executor.TrySubmit([] {}));
}

}  // namespace
}  // namespace embudo::rpc
