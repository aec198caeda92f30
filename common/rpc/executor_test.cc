#include "common/rpc/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "common/base/waiting.h"

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

TEST(ExecutorTest, LongTasksOfOneGroupLeaveAnotherThreads) {
  Executor executor(8, 64);
  std::promise<void> go;
  const std::shared_future<void> gate = go.get_future().share();
  std::atomic<int> running = 0;
  std::atomic<int> ran = 0;
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(executor.TrySubmit(
        [&, gate] {
          ++running;
          gate.wait();
          ++ran;
        },
        "a"))
        << i;
  }
  while (running < 6) std::this_thread::yield();
  // None of the first group's tasks ends before those of the others have.
  for (const char* other : {"b", "c", "b", ""}) {
    std::promise<void> done;
    EXPECT_TRUE(executor.TrySubmit([&done] { done.set_value(); }, other));
    done.get_future().wait();
  }
  // What comes as tasks end takes their threads and no more: three quarters.
  EXPECT_EQ(running, 6);
  EXPECT_EQ(ran, 0);
  go.set_value();
  executor.Stop();
  EXPECT_EQ(ran, 20);
}

TEST(ExecutorTest, WhoSharesThreadsHasPartsOfThem) {
  Executor executor(16, 64);
  std::promise<void> go;
  const std::shared_future<void> gate = go.get_future().share();
  std::mutex mutex;
  std::map<std::string, int> running;
  const auto submit = [&](const std::string& group) {
    EXPECT_TRUE(executor.TrySubmit(
        [&, gate, group] {
          {
            const std::lock_guard lock(mutex);
            ++running[group];
          }
          gate.wait();
        },
        group));
  };
  const auto begun = [&] {
    const std::lock_guard lock(mutex);
    return running;
  };
  for (int i = 0; i < 20; ++i) submit("a");
  while (begun()["a"] < 12) std::this_thread::yield();
  for (int i = 0; i < 20; ++i) submit("b");
  while (begun()["b"] < 3) std::this_thread::yield();
  EXPECT_EQ(begun()["a"], 12);
  EXPECT_EQ(begun()["b"], 3);
  // A third still finds a thread.
  std::promise<void> done;
  EXPECT_TRUE(executor.TrySubmit([&done] { done.set_value(); }, "c"));
  done.get_future().wait();
  go.set_value();
  executor.Stop();
  EXPECT_EQ(running["a"] + running["b"], 40);
}

TEST(ExecutorTest, TasksThatWaitForOthersLeaveTheirPlacesToMore) {
  Executor executor(2, 64);
  std::promise<void> go;
  const std::shared_future<void> gate = go.get_future().share();
  std::atomic<int> waiting = 0;
  std::atomic<int> ran = 0;
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(executor.TrySubmit([&, gate] {
      {
        const Waiting wait;
        // One in the other is one.
        const Waiting nested;
        ++waiting;
        gate.wait();
      }
      ++ran;
    })) << i;
  }
  // Four threads for each that is at work.
  while (waiting < 8) std::this_thread::yield();
  std::this_thread::yield();
  EXPECT_EQ(waiting, 8);
  go.set_value();
  executor.Stop();
  EXPECT_EQ(ran, 20);
}

TEST(ExecutorTest, TasksOfOneGroupThatWaitLeaveAnotherThreads) {
  Executor executor(4, 64);
  std::promise<void> go;
  const std::shared_future<void> gate = go.get_future().share();
  std::atomic<int> waiting = 0;
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(executor.TrySubmit(
        [&, gate] {
          const Waiting wait;
          ++waiting;
          gate.wait();
        },
        "a"))
        << i;
  }
  while (waiting < 12) std::this_thread::yield();
  std::promise<void> done;
  EXPECT_TRUE(executor.TrySubmit([&done] { done.set_value(); }, "b"));
  done.get_future().wait();
  // Three quarters of the sixteen that there may be.
  EXPECT_EQ(waiting, 12);
  go.set_value();
  executor.Stop();
  EXPECT_EQ(waiting, 20);
}

TEST(ExecutorTest, WhatHasWaitedGoesOnThoughAllAreAtWork) {
  Executor executor(1, 64);
  std::promise<void> go, blocked, waited;
  const std::shared_future<void> gate = go.get_future().share();
  const std::shared_future<void> block = blocked.get_future().share();
  std::promise<void> began;
  EXPECT_TRUE(executor.TrySubmit([&, gate] {
    {
      const Waiting wait;
      began.set_value();
      gate.wait();
    }
    waited.set_value();
  }));
  began.get_future().wait();
  std::promise<void> running;
  EXPECT_TRUE(executor.TrySubmit([&, block] {
    running.set_value();
    block.wait();
  }));
  running.get_future().wait();
  // Nobody else begins until a place is free again.
  std::atomic<bool> third = false;
  EXPECT_TRUE(executor.TrySubmit([&] { third = true; }));
  go.set_value();
  waited.get_future().wait();
  EXPECT_FALSE(third);
  blocked.set_value();
  executor.Stop();
  EXPECT_TRUE(third);
}

TEST(ExecutorTest, TakesNothingOnceStopped) {
  Executor executor(1, 1);
  executor.Stop();
  EXPECT_FALSE(executor.TrySubmit([] {}));
}

}  // namespace
}  // namespace embudo::rpc
