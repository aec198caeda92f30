#include "common/base/grouping.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "common/testing/eventually.h"

namespace embudo {
namespace {

using testing::Eventually;

struct Item {
  std::string text;
  int kind = 0;
};

/// One group on its way at once; the first one waits there until all others have come.
class GroupingTest : public ::testing::Test {
 protected:
  ~GroupingTest() override { Finish(); }

  /// Returns when the item is in the first group, or waits.
  void Start(const std::string& text, int kind) {
    const size_t waiting = grouping_.waiting();
    threads_.emplace_back([this, text, kind] {
      Item item{text, kind};
      const absl::Status status = grouping_.Do(item);
      const std::lock_guard lock(mutex_);
      results_[text] = status;
    });
    const bool first = threads_.size() == 1;
    ASSERT_TRUE(Eventually([&] { return first ? works_ == 1 : grouping_.waiting() > waiting; }));
  }

  void Finish() {
    go_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  absl::Status Work(const std::vector<Item*>& group) {
    if (works_++ == 0) {
      EXPECT_TRUE(Eventually([this] { return go_.load(); }));
    }
    std::string texts;
    for (const Item* item : group) texts += item->text;
    const std::lock_guard lock(mutex_);
    groups_.push_back(texts);
    return texts.find('!') == std::string::npos ? absl::OkStatus() : absl::InternalError(texts);
  }

  static Grouping<Item>::Joins OfOneKind() {
    return [first = std::make_shared<const Item*>(nullptr)](const Item& item) {
      if (*first == nullptr) *first = &item;
      return item.kind == (*first)->kind;
    };
  }

  std::mutex mutex_;
  std::vector<std::string> groups_;
  std::map<std::string, absl::Status> results_;
  std::vector<std::thread> threads_;
  std::atomic<int> works_ = 0;
  std::atomic<bool> go_ = false;
  Grouping<Item> grouping_{1, OfOneKind, [this](const std::vector<Item*>& group) { return Work(group); }};
};

TEST_F(GroupingTest, WhatComesInMeanwhileIsTheNextGroup) {
  for (const char* text : {"a", "b", "c", "d"}) Start(text, 1);
  Finish();
  EXPECT_EQ(groups_, (std::vector<std::string>{"a", "bcd"}));
}

TEST_F(GroupingTest, OnlyThoseThatJoinAreTogether) {
  Start("a", 1);
  Start("b", 1);
  Start("x", 2);
  Start("c", 1);
  Start("y", 2);
  Finish();
  EXPECT_EQ(groups_, (std::vector<std::string>{"a", "bc", "xy"}));
}

TEST_F(GroupingTest, OfAGroupThatFailsOnlyTheBadOneFails) {
  for (const char* text : {"a", "b", "!", "c"}) Start(text, 1);
  Finish();
  EXPECT_EQ(groups_, (std::vector<std::string>{"a", "b!c", "b", "!", "c"}));
  EXPECT_EQ(
      results_,
      (std::map<std::string, absl::Status>{
          {"a", absl::OkStatus()}, {"b", absl::OkStatus()}, {"!", absl::InternalError("!")}, {"c", absl::OkStatus()}}));
}

}  // namespace
}  // namespace embudo
