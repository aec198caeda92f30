// ReceiveLead: a lead with what brought it, in one write.

#include <algorithm>
#include <thread>

#include "embudo/pipeline/v1/message_service.pb.h"
#include "embudo/pipeline/v1/touch_service.pb.h"
#include "tests/integration/pipeline/lead_case.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::BulkReceiveLeadsRequest;
using pipeline::v1::BulkReceiveLeadsResponse;
using pipeline::v1::ReceiveLeadRequest;
using pipeline::v1::ReceiveLeadResponse;
using ::testing::ElementsAre;
using type::v1::Lead;
using Entry = type::v1::Message;

class ReceiveLeadTest : public LeadCase {
 protected:
  static std::string NewId() { return NewRequestId(); }
  static ReceiveLeadRequest Arrival(const std::string& email = "ann@acme.example") {
    ReceiveLeadRequest request;
    request.set_lead_id(NewId());
    request.set_touch_id(NewId());
    request.mutable_lead()->set_display_name("From a form");
    request.mutable_lead()->set_email(email);
    request.mutable_touch()->set_source("Google");
    request.mutable_touch()->set_medium("cpc");
    request.mutable_touch()->set_submission("submissions/1");
    return request;
  }
  static void AddEntry(Entry::Type type, const std::string& body, ReceiveLeadRequest* request) {
    auto* entry = request->add_entries();
    entry->set_message_id(NewId());
    entry->mutable_message()->set_type(type);
    entry->mutable_message()->set_body(body);
  }
  ReceiveLeadResponse Receive(const ReceiveLeadRequest& request) const {
    return service_.Must<ReceiveLeadResponse>(request);
  }
  absl::Status Try(const ReceiveLeadRequest& request) const {
    return service_.Call<ReceiveLeadResponse>(request).status();
  }
  int LeadCount() const {
    return admin_.Must<pipeline::v1::ListLeadsResponse>(pipeline::v1::ListLeadsRequest()).leads_size();
  }
};

TEST_F(ReceiveLeadTest, TheLeadItsTouchAndItsEntriesAreThereAndToldInOrder) {
  ReceiveLeadRequest request = Arrival("Ann@Acme.example");
  AddEntry(Entry::TYPE_CHAT, "Ann: hello", &request);
  AddEntry(Entry::TYPE_INTERNAL_NOTE, "may be the same as another", &request);
  const ReceiveLeadResponse response = Receive(request);
  EXPECT_FALSE(response.matched());
  EXPECT_EQ(response.lead().name(), "leads/" + request.lead_id());
  EXPECT_EQ(response.lead().email(), "ann@acme.example");

  const Lead lead = GetLead(response.lead().name());
  EXPECT_EQ(lead.source() + "/" + lead.medium() + "/" + lead.etag(), "google/cpc/1");
  pipeline::v1::ListTouchesRequest touches;
  touches.set_parent(lead.name());
  const auto touched = admin_.Must<pipeline::v1::ListTouchesResponse>(touches);
  ASSERT_EQ(touched.touches_size(), 1);
  EXPECT_EQ(touched.touches(0).name(), lead.name() + "/touches/" + request.touch_id());
  EXPECT_EQ(touched.touches(0).submission(), "submissions/1");
  EXPECT_TRUE(touched.touches(0).has_touch_time());
  pipeline::v1::GetMessageRequest get;
  get.set_name(lead.name() + "/messages/" + request.entries(0).message_id());
  EXPECT_EQ(admin_.Must<Entry>(get).body(), "Ann: hello");
  get.set_name(lead.name() + "/messages/" + request.entries(1).message_id());
  EXPECT_TRUE(admin_.Must<Entry>(get).internal());

  std::vector<std::string> told;
  for (const type::v1::Event& event : Events()) {
    if (event.partition_key() != request.lead_id()) continue;
    told.push_back(TypesOf({event})[0]);
    EXPECT_EQ(event.origin(), type::v1::ORIGIN_CAPTURE);
  }
  EXPECT_THAT(told, ElementsAre("lead.created", "touch.created", "message.created", "message.created"));
}

TEST_F(ReceiveLeadTest, ASourceOfItsOwnStays) {
  ReceiveLeadRequest request = Arrival();
  request.mutable_lead()->set_source("Fair");
  const Lead lead = Receive(request).lead();
  EXPECT_EQ(lead.source() + "/" + lead.medium(), "fair/");
}

TEST_F(ReceiveLeadTest, AnOpenLeadOfTheSameAddressOrNumberIsTheAnswer) {
  const Lead first = Create([](Lead& lead) {
    lead.set_email("ann@acme.example");
    lead.set_phone("+12025550123");
  });
  ReceiveLeadRequest request = Arrival();
  request.add_match(ReceiveLeadRequest::MATCH_EMAIL);
  const ReceiveLeadResponse by_email = Receive(request);
  EXPECT_TRUE(by_email.matched());
  EXPECT_EQ(by_email.lead().name(), first.name());

  ReceiveLeadRequest call = Arrival("");
  call.mutable_lead()->set_phone("(202) 555-0123");
  call.add_match(ReceiveLeadRequest::MATCH_EMAIL);
  call.add_match(ReceiveLeadRequest::MATCH_PHONE);
  EXPECT_EQ(Receive(call).lead().name(), first.name());
  EXPECT_EQ(LeadCount(), 1);

  // Not asked for, or no longer open: a lead of its own.
  EXPECT_FALSE(Receive(Arrival()).matched());
  ReceiveLeadRequest other = Arrival("bob@acme.example");
  other.add_match(ReceiveLeadRequest::MATCH_EMAIL);
  EXPECT_FALSE(Receive(other).matched());
  ASSERT_TRUE(Do<pipeline::v1::LoseLeadRequest>("leads/" + other.lead_id()).ok());
  ReceiveLeadRequest again = other;
  again.set_lead_id(NewId());
  again.set_touch_id(NewId());
  EXPECT_FALSE(Receive(again).matched());
}

TEST_F(ReceiveLeadTest, ARepeatedRequestGetsItsFirstAnswer) {
  ReceiveLeadRequest request = Arrival();
  AddEntry(Entry::TYPE_CHAT, "hello", &request);
  request.add_match(ReceiveLeadRequest::MATCH_EMAIL);
  request.set_request_id(NewId());
  const ReceiveLeadResponse first = Receive(request);
  // Even if another lead matches by now.
  Create([](Lead& lead) { lead.set_email("ann@acme.example"); });
  EXPECT_THAT(Receive(request), SameAs(first));
  EXPECT_EQ(LeadCount(), 2);
  ReceiveLeadRequest other = Arrival("other@acme.example");
  other.set_request_id(request.request_id());
  EXPECT_EQ(ReasonOf(Try(other)), "REQUEST_ID_REUSED");
}

TEST_F(ReceiveLeadTest, AllOrNothing) {
  const ReceiveLeadRequest first = Arrival();
  Receive(first);
  ReceiveLeadRequest request = Arrival("bob@acme.example");
  request.set_lead_id(first.lead_id());
  EXPECT_EQ(Try(request).code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(GetLead("leads/" + first.lead_id()).email(), "ann@acme.example");

  ReceiveLeadRequest external = Arrival("bob@acme.example");
  auto* id = external.mutable_lead()->add_external_ids();
  id->set_system("crm");
  id->set_id("7");
  Receive(external);
  external.set_lead_id(NewId());
  external.set_touch_id(NewId());
  AddEntry(Entry::TYPE_CHAT, "hello", &external);
  EXPECT_EQ(Try(external).code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(LeadCount(), 2);
  const std::vector<std::string> types = TypesOf(Events());
  EXPECT_EQ(std::count(types.begin(), types.end(), "touch.created"), 2);
  EXPECT_EQ(std::count(types.begin(), types.end(), "message.created"), 0);
}

TEST_F(ReceiveLeadTest, AMailThatIsKnownIsLeftOut) {
  ReceiveLeadRequest request = Arrival();
  AddEntry(Entry::TYPE_EMAIL_IN, "hello", &request);
  request.mutable_entries(0)->mutable_message()->set_internet_message_id("<1@acme.example>");
  Receive(request);
  ReceiveLeadRequest again = Arrival("bob@acme.example");
  *again.add_entries() = request.entries(0);
  again.mutable_entries(0)->set_message_id(NewId());
  Receive(again);
  const std::vector<std::string> types = TypesOf(Events());
  EXPECT_EQ(std::count(types.begin(), types.end(), "message.created"), 1);
  EXPECT_EQ(LeadCount(), 2);
}

TEST_F(ReceiveLeadTest, ManyAtOnceAreEachWhole) {
  constexpr int kMany = 40;
  std::vector<ReceiveLeadRequest> requests;
  for (int i = 0; i < kMany; ++i) {
    requests.push_back(Arrival("p" + std::to_string(i) + "@acme.example"));
    requests.back().set_request_id(NewId());
    if (i % 2 == 0) AddEntry(Entry::TYPE_CHAT, "hello", &requests.back());
    // Some that fail, in whatever group they come.
    if (i % 10 == 9) requests.back().set_lead_id(requests[i - 1].lead_id());
  }
  std::vector<absl::Status> statuses(kMany);
  std::vector<std::thread> threads;
  threads.reserve(kMany);
  for (int i = 0; i < kMany; ++i) threads.emplace_back([&, i] { statuses[i] = Try(requests[i]); });
  for (std::thread& thread : threads) thread.join();
  int made = 0;
  for (const absl::Status& status : statuses) {
    if (status.ok())
      ++made;
    else
      EXPECT_EQ(status.code(), StatusCode::kAlreadyExists) << status;
  }
  EXPECT_EQ(made, kMany - kMany / 10);
  const std::vector<std::string> types = TypesOf(Events());
  EXPECT_EQ(std::count(types.begin(), types.end(), "lead.created"), made);
  EXPECT_EQ(std::count(types.begin(), types.end(), "touch.created"), made);
}

TEST_F(ReceiveLeadTest, InBulkEachIsTakenInOrRefusedForItself) {
  const std::string there = Create([](Lead& lead) { lead.set_email("ann@acme.example"); }).name();
  const ReceiveLeadRequest before = Arrival("before@acme.example");
  Receive(before);
  BulkReceiveLeadsRequest bulk;
  for (const char* email :
       {"new@acme.example", "ann@acme.example", "refused@acme.example", "taken@acme.example", "last@acme.example"}) {
    *bulk.add_items() = Arrival(email);
  }
  bulk.mutable_items(1)->add_match(ReceiveLeadRequest::MATCH_EMAIL);
  bulk.mutable_items(2)->mutable_lead()->set_team("teams/none");
  bulk.mutable_items(3)->set_lead_id(before.lead_id());
  for (ReceiveLeadRequest& item : *bulk.mutable_items()) item.set_request_id(NewId());
  AddEntry(Entry::TYPE_CHAT, "hello", bulk.mutable_items(4));

  const auto response = service_.Must<BulkReceiveLeadsResponse>(bulk);
  ASSERT_EQ(response.results_size(), 5);
  EXPECT_EQ(response.results(0).lead(), "leads/" + bulk.items(0).lead_id());
  EXPECT_FALSE(response.results(0).matched());
  EXPECT_EQ(response.results(1).lead(), there);
  EXPECT_TRUE(response.results(1).matched());
  EXPECT_THAT(BadFields(FromRpcStatus(response.results(2).error())), ElementsAre("lead.team"));
  EXPECT_EQ(FromRpcStatus(response.results(3).error()).code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(response.results(4).lead(), "leads/" + bulk.items(4).lead_id());
  EXPECT_EQ(LeadCount(), 4);
  EXPECT_EQ(GetLead("leads/" + before.lead_id()).email(), "before@acme.example");
  const std::vector<std::string> types = TypesOf(Events());
  EXPECT_EQ(std::count(types.begin(), types.end(), "touch.created"), 3);
  EXPECT_EQ(std::count(types.begin(), types.end(), "message.created"), 1);

  // Again, as a whole or one by one, it is the same, and nothing is written.
  EXPECT_THAT(service_.Must<BulkReceiveLeadsResponse>(bulk), SameAs(response));
  EXPECT_EQ(Receive(bulk.items(4)).lead().name(), response.results(4).lead());
  EXPECT_EQ(Events().size(), types.size());
}

TEST_F(ReceiveLeadTest, WhatIsWrongIsNamedInBulkToo) {
  BulkReceiveLeadsRequest bulk;
  EXPECT_THAT(BadFields(service_.Call<BulkReceiveLeadsResponse>(bulk).status()), ElementsAre("items"));
  *bulk.add_items() = Arrival();
  *bulk.add_items() = Arrival();
  bulk.mutable_items(1)->set_lead_id("x");
  EXPECT_THAT(BadFields(service_.Call<BulkReceiveLeadsResponse>(bulk).status()), ElementsAre("items[1].lead_id"));
  for (int i = 0; i < 101; ++i) *bulk.add_items() = Arrival();
  EXPECT_THAT(BadFields(service_.Call<BulkReceiveLeadsResponse>(bulk).status()), ElementsAre("items"));
  EXPECT_EQ(LeadCount(), 0);
  bulk.mutable_items()->DeleteSubrange(1, 102);
  EXPECT_EQ(admin_.Call<BulkReceiveLeadsResponse>(bulk).status().code(), StatusCode::kPermissionDenied);
}

TEST_F(ReceiveLeadTest, WhatIsWrongIsNamed) {
  ReceiveLeadRequest request;
  EXPECT_THAT(BadFields(Try(request)), ElementsAre("lead", "lead_id", "touch", "touch_id"));
  request = Arrival();
  request.mutable_lead()->set_email("nonsense");
  EXPECT_THAT(BadFields(Try(request)), ElementsAre("lead.email"));
  request = Arrival();
  request.set_lead_id("x");
  EXPECT_THAT(BadFields(Try(request)), ElementsAre("lead_id"));
  request = Arrival();
  AddEntry(Entry::TYPE_CHAT, " ", &request);
  EXPECT_THAT(BadFields(Try(request)), ElementsAre("entries[0].message.body"));
  request = Arrival();
  AddEntry(Entry::TYPE_EMAIL_OUT, "hello", &request);
  EXPECT_THAT(BadFields(Try(request)), ElementsAre("entries[0].message.type"));
  request = Arrival();
  AddEntry(Entry::TYPE_CHAT, "hello", &request);
  request.mutable_entries(0)->mutable_message()->add_attachments("leads/x/attachments/y");
  EXPECT_THAT(BadFields(Try(request)), ElementsAre("entries[0].message.attachments"));
  EXPECT_EQ(LeadCount(), 0);
  const std::vector<std::string> types = TypesOf(Events());
  EXPECT_EQ(std::count(types.begin(), types.end(), "utm_source.created"), 0);
}

TEST_F(ReceiveLeadTest, OnlyServicesMay) {
  EXPECT_EQ(admin_.Call<ReceiveLeadResponse>(Arrival()).status().code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(manager_.Call<ReceiveLeadResponse>(Arrival()).status().code(), StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace embudo::testing
