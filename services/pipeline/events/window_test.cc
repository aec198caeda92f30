#include "services/pipeline/events/window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace embudo::pipeline::events {
namespace {

using ::testing::ElementsAre;
using type::v1::Event;

std::string Bytes(const std::string& tenant, size_t size = 10) {
  Event event;
  event.set_id("id");
  event.set_type("lead.created");
  event.mutable_data()->mutable_lead()->set_pain(std::string(size, 'p'));
  event.set_tenant(tenant);
  return event.SerializeAsString();
}

std::shared_ptr<const LogEvent> Make(int partition, int64_t position, const std::string& tenant, size_t size = 10) {
  return std::make_shared<LogEvent>(partition, position, Bytes(tenant, size));
}

Want WantOf(const std::string& tenant, std::vector<int> partitions) { return {tenant, Positions(), partitions}; }

/// {partition, position}, negative where there is nothing of the reader's.
std::vector<std::pair<int, int64_t>> Places(const std::vector<LogItem>& items) {
  std::vector<std::pair<int, int64_t>> places;
  for (const LogItem& item : items) {
    places.emplace_back(item.partition, item.event == nullptr ? -item.position : item.position);
  }
  return places;
}

constexpr Portion kPlenty{1000, 1 << 20};

TEST(LogEventTest, GoesOutAsItWasWithItsPlace) {
  const auto event = Make(3, 70000, "acme");
  EXPECT_EQ(event->tenant(), "acme");
  Event sent;
  ASSERT_TRUE(sent.ParseFromString(event->wire()));
  EXPECT_EQ(sent.SerializeAsString(), event->parsed()->SerializeAsString());
  EXPECT_EQ(sent.partition(), 3);
  EXPECT_EQ(sent.position(), 70000);
  EXPECT_EQ(sent.data().lead().pain(), "pppppppppp");
}

TEST(LogEventTest, IsParsedOnceUntilItIsForgotten) {
  const auto event = Make(3, 70000, "acme");
  const std::shared_ptr<const Event> held = event->parsed();
  EXPECT_EQ(event->parsed(), held);
  EXPECT_TRUE(event->IsParsed());
  event->Forget();
  EXPECT_FALSE(event->IsParsed());
  EXPECT_NE(event->parsed(), held);
  EXPECT_EQ(event->parsed()->SerializeAsString(), held->SerializeAsString());
  EXPECT_EQ(held.use_count(), 1);
}

TEST(LogEventTest, WhatIsNoEventIsNobodys) {
  std::string cut = Bytes("acme");
  cut.resize(cut.size() - 2);
  const LogEvent event(0, 1, cut);
  EXPECT_EQ(event.tenant(), "");
  EXPECT_EQ(event.parsed()->tenant(), "");
  EXPECT_EQ(event.parsed()->position(), 1);
  EXPECT_EQ(LogEvent(0, 1, "").tenant(), "");
}

TEST(WindowTest, GivesWhatComesNextOfTheTenant) {
  Window window(100, 1 << 20);
  window.Begin(0, 10);
  window.Begin(1, 0);
  window.Append(Make(0, 11, "acme"));
  window.Append(Make(0, 12, "other"));
  window.Append(Make(0, 13, "other"));
  window.Append(Make(1, 1, "acme"));
  Want want = WantOf("acme", {0, 1});
  want.after[0] = 10;
  bool end = false;
  EXPECT_THAT(Places(*window.After(want, kPlenty, &end)),
              ElementsAre(std::pair(0, 11), std::pair(0, -13), std::pair(1, 1)));
  EXPECT_TRUE(end);
  EXPECT_EQ(window.Backlog(want), 4);
  EXPECT_THAT(Places(*window.After(want, {2, 1 << 20}, &end)), ElementsAre(std::pair(0, 11), std::pair(0, -12)));
  EXPECT_FALSE(end);
  want.after[0] = 9;
  EXPECT_FALSE(window.After(want, kPlenty, &end)) << "the tenth is not in memory";
  want.partitions = {1};
  EXPECT_THAT(Places(*window.After(want, kPlenty, &end)), ElementsAre(std::pair(1, 1)));
}

TEST(WindowTest, BeginsAnewAfterAGap) {
  Window window(100, 1 << 20);
  window.Begin(0, 0);
  window.Append(Make(0, 1, "acme"));
  window.Append(Make(0, 5, "acme"));
  bool end = false;
  Want want = WantOf("acme", {0});
  EXPECT_FALSE(window.After(want, kPlenty, &end));
  want.after[0] = 4;
  EXPECT_THAT(Places(*window.After(want, kPlenty, &end)), ElementsAre(std::pair(0, 5)));
}

TEST(WindowTest, ForgetsTheOldestBeyondItsBounds) {
  Window window(3, 2500);
  window.Begin(0, 0);
  bool end = false;
  const Want want = WantOf("acme", {0});
  for (int i = 1; i <= 3; ++i) window.Append(Make(0, i, "acme"));
  EXPECT_TRUE(window.After(want, kPlenty, &end));
  window.Append(Make(0, 4, "acme"));
  EXPECT_FALSE(window.After(want, kPlenty, &end));
  for (int i = 5; i <= 7; ++i) window.Append(Make(0, i, "acme", 1000));
  EXPECT_LE(window.bytes(), 2500u);
  Want late = want;
  late.after[0] = 5;
  EXPECT_THAT(Places(*window.After(late, kPlenty, &end)), ElementsAre(std::pair(0, 6), std::pair(0, 7)));
  window.Clear();
  EXPECT_EQ(window.bytes(), 0u);
  EXPECT_FALSE(window.After(late, kPlenty, &end));
  late.after[0] = 7;
  EXPECT_TRUE(window.After(late, kPlenty, &end)->empty());
  EXPECT_TRUE(end);
}

}  // namespace
}  // namespace embudo::pipeline::events
