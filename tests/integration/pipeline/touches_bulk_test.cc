// BulkCreateTouches: what came for leads that are there, in one write.

#include <algorithm>

#include "embudo/pipeline/v1/message_service.pb.h"
#include "embudo/pipeline/v1/notification_service.pb.h"
#include "embudo/pipeline/v1/touch_service.pb.h"
#include "tests/integration/pipeline/lead_case.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::BulkCreateTouchesRequest;
using pipeline::v1::BulkCreateTouchesResponse;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using type::v1::Lead;
using Entry = type::v1::Message;

class BulkTouchTest : public LeadCase {
 protected:
  static BulkCreateTouchesRequest::Item For(const std::string& lead, const std::string& source = "google",
                                            const std::string& text = "") {
    BulkCreateTouchesRequest::Item item;
    item.set_parent(lead);
    item.set_touch_id(NewRequestId());
    item.mutable_touch()->set_source(source);
    if (!text.empty()) AddEntry(Entry::TYPE_CHAT, text, &item);
    return item;
  }
  static void AddEntry(Entry::Type type, const std::string& text, BulkCreateTouchesRequest::Item* item) {
    auto* entry = item->add_entries();
    entry->set_message_id(NewRequestId());
    entry->mutable_message()->set_type(type);
    entry->mutable_message()->set_body(text);
  }
  static BulkCreateTouchesRequest Request(const std::vector<BulkCreateTouchesRequest::Item>& items) {
    BulkCreateTouchesRequest request;
    request.mutable_items()->Add(items.begin(), items.end());
    return request;
  }
  BulkCreateTouchesResponse Attach(const std::vector<BulkCreateTouchesRequest::Item>& items) const {
    const auto response = service_.Must<BulkCreateTouchesResponse>(Request(items));
    EXPECT_EQ(response.results_size(), static_cast<int>(items.size()));
    return response;
  }
  absl::Status Refusal(const BulkCreateTouchesRequest::Item& item) const {
    return FromRpcStatus(Attach({item}).results(0).error());
  }
  std::vector<std::string> SourcesOf(const std::string& lead) const {
    pipeline::v1::ListTouchesRequest request;
    request.set_parent(lead);
    const auto answer = admin_.Must<pipeline::v1::ListTouchesResponse>(request);
    std::vector<std::string> sources;
    for (const auto& touch : answer.touches()) sources.push_back(touch.source());
    return sources;
  }
  std::vector<std::string> EntriesOf(const std::string& lead) const {
    pipeline::v1::ListMessagesRequest request;
    request.set_parent(lead);
    const auto answer = admin_.Must<pipeline::v1::ListMessagesResponse>(request);
    std::vector<std::string> texts;
    for (const Entry& entry : answer.messages()) texts.push_back(entry.body());
    std::sort(texts.begin(), texts.end());
    return texts;
  }
};

TEST_F(BulkTouchTest, ATouchAndEntriesAreAddedAndTold) {
  const Lead lead = Create([](Lead& one) { one.set_source("fair"); });
  auto item = For(lead.name(), " Google ", "Ann: hello");
  AddEntry(Entry::TYPE_INTERNAL_NOTE, "@admin look", &item);
  EXPECT_EQ(Attach({item}).results(0).lead(), lead.name());

  pipeline::v1::GetTouchRequest get;
  get.set_name(lead.name() + "/touches/" + item.touch_id());
  const auto touch = admin_.Must<type::v1::Touch>(get);
  EXPECT_EQ(touch.source(), "google");
  EXPECT_TRUE(touch.has_touch_time());
  EXPECT_THAT(EntriesOf(lead.name()), ElementsAre("@admin look", "Ann: hello"));
  // It names its source, and what a service enters is nobody's work on it.
  EXPECT_THAT(GetLead(lead.name()), SameAs(lead));
  std::vector<std::string> told;
  for (const type::v1::Event& event : Events()) {
    if (event.partition_key() != lead.name().substr(6)) continue;
    told.push_back(TypesOf({event})[0]);
    EXPECT_EQ(event.origin() == type::v1::ORIGIN_CAPTURE, told.size() > 1);
  }
  EXPECT_THAT(told, ElementsAre("lead.created", "touch.created", "message.created", "message.created"));
}

TEST_F(BulkTouchTest, ALeadsFirstTouchIsItsSource) {
  const Lead lead = CreateLead();
  Attach({For(lead.name(), "google"), For(lead.name(), "bing")});
  EXPECT_EQ(GetLead(lead.name()).source(), "google");
  EXPECT_THAT(SourcesOf(lead.name()), ::testing::UnorderedElementsAre("google", "bing"));
  // One that says nothing is the first too, here and before.
  const Lead direct = CreateLead();
  Attach({For(direct.name(), ""), For(direct.name(), "bing")});
  Attach({For(direct.name(), "google")});
  EXPECT_EQ(GetLead(direct.name()).source(), "");
}

TEST_F(BulkTouchTest, WhatAPersonEntersIsWorkOnTheLeadAndItsFollowersAreTold) {
  CreateUser("ana");
  const Lead lead = CreateLead();
  pipeline::v1::FollowLeadRequest follow;
  follow.set_name(lead.name());
  As(type::v1::ROLE_REP, "users/ana").Must<Lead>(follow);
  suite().Advance(std::chrono::minutes(1));
  const Caller person = As(type::v1::ROLE_SERVICE, "users/bob");
  person.Must<BulkCreateTouchesResponse>(Request({For(lead.name(), "", "one"), For(lead.name(), "", "two")}));
  const Lead now = GetLead(lead.name());
  EXPECT_GT(now.last_touch_time().seconds(), lead.create_time().seconds());
  EXPECT_THAT(TypesOf(EventsAbout(lead.name())), ElementsAre("lead.created", "lead.updated", "lead.updated"));
  pipeline::v1::ListNotificationsRequest list;
  list.set_parent("users/me");
  const auto told = As(type::v1::ROLE_REP, "users/ana").Must<pipeline::v1::ListNotificationsResponse>(list);
  EXPECT_THAT(told.notifications(), SizeIs(2));
}

TEST_F(BulkTouchTest, UnderOneIdNothingIsAddedTwice) {
  const Lead lead = CreateLead();
  const auto first = For(lead.name(), "google", "one");
  const auto response = Attach({first});
  const size_t events = Events().size();
  EXPECT_THAT(Attach({first}), SameAs(response));
  EXPECT_EQ(Events().size(), events);
  // Beside others, and where only a part of it came to be.
  auto more = first;
  AddEntry(Entry::TYPE_CHAT, "two", &more);
  const auto mixed = Attach({For(lead.name(), "bing", "three"), more});
  EXPECT_EQ(mixed.results(0).lead(), lead.name());
  EXPECT_EQ(mixed.results(1).lead(), lead.name());
  EXPECT_THAT(EntriesOf(lead.name()), ElementsAre("one", "three", "two"));
  EXPECT_THAT(SourcesOf(lead.name()), SizeIs(2));
}

TEST_F(BulkTouchTest, AMailThatIsKnownIsLeftOut) {
  const Lead lead = CreateLead();
  auto mail = For(lead.name());
  AddEntry(Entry::TYPE_EMAIL_IN, "hello", &mail);
  mail.mutable_entries(0)->mutable_message()->set_internet_message_id("<1@acme.example>");
  auto again = mail;
  again.set_touch_id(NewRequestId());
  again.mutable_entries(0)->set_message_id(NewRequestId());
  Attach({mail});
  Attach({again});
  EXPECT_THAT(EntriesOf(lead.name()), SizeIs(1));
  EXPECT_THAT(SourcesOf(lead.name()), SizeIs(2));
  // Twice in one call, too.
  auto other = again;
  auto twin = again;
  for (auto* item : {&other, &twin}) {
    item->set_touch_id(NewRequestId());
    item->mutable_entries(0)->set_message_id(NewRequestId());
    item->mutable_entries(0)->mutable_message()->set_internet_message_id("<2@acme.example>");
  }
  Attach({other, twin});
  EXPECT_THAT(EntriesOf(lead.name()), SizeIs(2));
  EXPECT_THAT(SourcesOf(lead.name()), SizeIs(4));
}

TEST_F(BulkTouchTest, OnlyToLeadsThatAreOpen) {
  const Lead open = CreateLead();
  const Lead lost = CreateLead();
  ASSERT_TRUE(Do<pipeline::v1::LoseLeadRequest>(lost.name()).ok());
  const Lead deleted = CreateLead();
  ASSERT_TRUE(Do<pipeline::v1::DeleteLeadRequest>(deleted.name()).ok());
  const Lead merged = CreateLead();
  ASSERT_TRUE(Merge({open.name(), merged.name()}, open.name()).ok());
  const std::string foreign = suite()
                                  .As(suite().NewTenant(), type::v1::ROLE_ADMIN)
                                  .Must<Lead>([] {
                                    pipeline::v1::CreateLeadRequest request;
                                    request.mutable_lead()->set_display_name("Another's");
                                    return request;
                                  }())
                                  .name();
  const auto response = Attach({For(lost.name()), For(deleted.name()), For("leads/" + NewRequestId()), For(foreign),
                                For(merged.name(), "merged"), For(open.name(), "open")});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(response.results(i).lead(), "") << i;
  for (int i = 0; i < 6; ++i) EXPECT_FALSE(response.results(i).has_error()) << i;
  EXPECT_EQ(response.results(4).lead(), open.name());
  EXPECT_EQ(response.results(5).lead(), open.name());
  EXPECT_THAT(SourcesOf(open.name()), ::testing::UnorderedElementsAre("merged", "open"));
  EXPECT_THAT(SourcesOf(lost.name()), IsEmpty());
}

TEST_F(BulkTouchTest, EachIsRefusedForItself) {
  const Lead lead = CreateLead();
  auto wrong = For(lead.name(), "wrong", " ");
  const auto response = Attach({wrong, For(lead.name(), "right", "hello")});
  EXPECT_THAT(BadFields(FromRpcStatus(response.results(0).error())), ElementsAre("entries[0].message.body"));
  EXPECT_EQ(response.results(0).lead(), "");
  EXPECT_EQ(response.results(1).lead(), lead.name());
  EXPECT_THAT(SourcesOf(lead.name()), ElementsAre("right"));

  auto out = For(lead.name());
  AddEntry(Entry::TYPE_EMAIL_OUT, "hello", &out);
  EXPECT_THAT(BadFields(Refusal(out)), ElementsAre("entries[0].message.type"));
  auto attachment = For(lead.name(), "", "hello");
  attachment.mutable_entries(0)->mutable_message()->add_attachments(lead.name() + "/attachments/y");
  EXPECT_THAT(BadFields(Refusal(attachment)), ElementsAre("entries[0].message.attachments"));
  EXPECT_THAT(BadFields(Refusal(For("nonsense"))), ElementsAre("parent"));
  EXPECT_THAT(SourcesOf(lead.name()), SizeIs(1));
}

TEST_F(BulkTouchTest, WhatIsWrongWithTheCallIsNamed) {
  const auto refused = [&](const BulkCreateTouchesRequest& request) {
    return BadFields(service_.Call<BulkCreateTouchesResponse>(request).status());
  };
  EXPECT_THAT(refused({}), ElementsAre("items"));
  EXPECT_THAT(refused(Request({BulkCreateTouchesRequest::Item()})),
              ElementsAre("items[0].parent", "items[0].touch", "items[0].touch_id"));
  const std::string lead = CreateLead().name();
  EXPECT_THAT(refused(Request(std::vector(101, For(lead)))), ElementsAre("items"));
  EXPECT_EQ(admin_.Call<BulkCreateTouchesResponse>(Request({For(lead)})).status().code(),
            StatusCode::kPermissionDenied);
}

TEST_F(BulkTouchTest, ManyAtOnceToTheSameLeadsAreAllThere) {
  constexpr int kThreads = 8;
  constexpr int kEach = 5;
  const Lead one = CreateLead();
  const Lead other = CreateLead();
  Together(kThreads, [&](int i) {
    // As a person, so that each call changes both leads, in another order.
    const Caller person = As(type::v1::ROLE_SERVICE, "users/u" + std::to_string(i));
    std::vector<BulkCreateTouchesRequest::Item> items;
    for (int j = 0; j < kEach; ++j) {
      items.push_back(For(i % 2 == 0 ? one.name() : other.name(), "google", "hello"));
      items.push_back(For(i % 2 == 0 ? other.name() : one.name(), "google", "hello"));
    }
    const auto response = person.Must<BulkCreateTouchesResponse>(Request(items));
    for (const auto& result : response.results()) EXPECT_FALSE(result.has_error());
  });
  for (const Lead& lead : {one, other}) {
    EXPECT_THAT(SourcesOf(lead.name()), SizeIs(kThreads * kEach));
    EXPECT_THAT(EntriesOf(lead.name()), SizeIs(kThreads * kEach));
    EXPECT_EQ(GetLead(lead.name()).source(), "google");
  }
}

}  // namespace
}  // namespace embudo::testing
