// The stream of changes, as docs/events.md promises it.

#include <map>

#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "tests/integration/pipeline/fixture.h"
#include "tests/integration/pipeline/tailer.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::TailRequest;
using pipeline::v1::TailResponse;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using type::v1::Event;
using type::v1::Lead;

class EventTest : public PipelineTest {
 protected:
  // "From now on" is by position: what waits for one, such as the tenant's own defaults, comes later.
  void SetUp() override { WaitUntilPositioned(); }

  Lead SetPain(const std::string& lead, const std::string& pain) const {
    pipeline::v1::UpdateLeadRequest request;
    request.mutable_lead()->set_name(lead);
    request.mutable_lead()->set_pain(pain);
    return admin_.Must<Lead>(request);
  }
  static std::vector<Event> Of(const std::string& subject, std::vector<Event> events) {
    std::erase_if(events, [&](const Event& event) { return event.subject() != subject; });
    return events;
  }
};

TEST_F(EventTest, TellsEveryChangeInOrder) {
  const std::string lead = CreateLead().name();
  SetPain(lead, "Spreadsheets");
  pipeline::v1::MoveLeadRequest move;
  move.set_name(lead);
  move.set_stage(kQualified);
  move.set_override_reason("they insist");
  move.set_request_id(NewRequestId());
  manager_.Must<Lead>(move);
  pipeline::v1::LoseLeadRequest lose;
  lose.set_name(lead);
  const Lead last = admin_.Must<Lead>(lose);

  Tailer tail(admin_, Tailer::Earliest());
  ASSERT_TRUE(tail.WaitFor(TailResponse::kCaughtUp));
  ASSERT_TRUE(Eventually([&] { return Of(lead, tail.events()).size() == 4; }));
  EXPECT_TRUE(tail.started());
  EXPECT_TRUE(tail.responses()[0].started().has_earliest_time());
  const auto events = Of(lead, tail.events());
  ASSERT_THAT(TypesOf(events), ElementsAre("lead.created", "lead.updated", "lead.stage_changed", "lead.lost"));
  EXPECT_FALSE(events[0].has_previous());
  EXPECT_THAT(events[0].changed_fields().paths(), IsEmpty());
  EXPECT_THAT(events[1].changed_fields().paths(), ElementsAre("pain"));
  EXPECT_EQ(events[1].previous().lead().pain(), "");
  EXPECT_EQ(events[1].data().lead().pain(), "Spreadsheets");
  EXPECT_EQ(events[2].previous().lead().stage(), kNew);
  EXPECT_EQ(events[2].data().lead().stage(), kQualified);
  EXPECT_EQ(events[2].actor(), "users/manager");
  EXPECT_EQ(events[2].request_id(), move.request_id());
  EXPECT_THAT(events[3].changed_fields().paths(), Contains("state"));
  EXPECT_THAT(events[3].data().lead(), SameAs(last));
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].tenant(), tenant_);
    EXPECT_EQ(events[i].partition_key(), lead.substr(6));
    EXPECT_EQ(events[i].partition(), events[0].partition());
    if (i > 0) {
      EXPECT_GT(events[i].position(), events[i - 1].position());
    }
  }
  // Nothing of other tenants is sent, and each change of this one once.
  EXPECT_EQ(tail.events().size(), Events().size());
}

TEST_F(EventTest, StartsWhereItIsAskedTo) {
  Tailer latest(admin_, Tailer::Latest());
  ASSERT_TRUE(latest.WaitForStart());
  const std::string first = CreateLead("First").name();
  ASSERT_TRUE(latest.WaitForEvents(1));
  const std::string cursor = latest.cursor();
  suite().Advance(std::chrono::seconds(10));
  const Time time = suite().clock().Now();
  const std::string second = CreateLead("Second").name();
  ASSERT_TRUE(latest.WaitForEvents(2));
  EXPECT_EQ(latest.events()[0].subject(), first);
  EXPECT_EQ(latest.events()[1].subject(), second);

  Tailer resumed(admin_, Tailer::Cursor(cursor));
  TailRequest at;
  *at.mutable_start()->mutable_time() = ToTimestamp(time);
  Tailer timed(admin_, at);
  for (Tailer* tail : {&resumed, &timed}) {
    SCOPED_TRACE(tail == &resumed ? "by cursor" : "by time");
    ASSERT_TRUE(tail->WaitForEvents(1));
    ASSERT_TRUE(tail->WaitFor(TailResponse::kCaughtUp));
    EXPECT_THAT(tail->events(), SizeIs(1));
    EXPECT_EQ(tail->events()[0].subject(), second);
  }
}

TEST_F(EventTest, RefusesAWrongStart) {
  Tailer mine(admin_, Tailer::Earliest());
  ASSERT_TRUE(mine.WaitForStart());
  const std::string cursor = mine.cursor();
  const Caller other = suite().As(suite().NewTenant(), type::v1::ROLE_ADMIN);
  std::string forged = cursor;
  forged[5] = forged[5] == 'A' ? 'B' : 'A';
  const auto end = [](const Caller& caller, const TailRequest& request) {
    return Tailer(caller, request).WaitForEnd();
  };
  const auto invalid = IsError(StatusCode::kInvalidArgument, "INVALID_CURSOR");
  EXPECT_THAT(end(admin_, Tailer::Cursor(forged)), invalid);
  EXPECT_THAT(end(other, Tailer::Cursor(cursor)), invalid);
  EXPECT_THAT(end(admin_, Tailer::Cursor("no cursor")), invalid);
  EXPECT_EQ(end(admin_, TailRequest()).code(), StatusCode::kInvalidArgument);
  TailRequest nowhere;
  nowhere.mutable_start();
  EXPECT_THAT(BadFields(end(admin_, nowhere)), ElementsAre("start"));
  TailRequest wrong = Tailer::Latest();
  wrong.mutable_start()->set_filter("type = ");
  EXPECT_EQ(end(admin_, wrong).code(), StatusCode::kInvalidArgument);
}

TEST_F(EventTest, SendsNoMoreThanItsCredit) {
  TailRequest first = Tailer::Latest();
  first.mutable_start()->set_heartbeat_seconds(1);
  first.mutable_credit()->set_events(0);
  Tailer tail(admin_, first);
  ASSERT_TRUE(tail.WaitForStart());
  for (int i = 0; i < 10; ++i) CreateLead();
  // Heartbeats come, and no event with them.
  ASSERT_TRUE(tail.WaitFor(TailResponse::kHeartbeat));
  EXPECT_THAT(tail.events(), IsEmpty());
  tail.Credit(3);
  ASSERT_TRUE(tail.WaitForEvents(3));
  const size_t so_far = tail.responses().size();
  ASSERT_TRUE(tail.WaitFor(TailResponse::kHeartbeat, so_far));
  EXPECT_THAT(tail.events(), SizeIs(3));
  tail.Credit(4);  // credits add up
  tail.Credit(3);
  ASSERT_TRUE(tail.WaitForEvents(10));
  EXPECT_THAT(tail.events(), SizeIs(10));
}

TEST_F(EventTest, AFilterSelectsAndItsCursorMovesAlong) {
  const std::string lead = CreateLead("Big").name();
  TailRequest first = Tailer::Latest();
  first.mutable_start()->set_heartbeat_seconds(1);
  first.mutable_start()->set_filter("type = \"lead.updated\" AND lead.display_name = \"Big\"");
  Tailer tail(admin_, first);
  ASSERT_TRUE(tail.WaitForStart());
  const std::string start = tail.cursor();
  for (int i = 0; i < 5; ++i) CreateLead("Small");
  SetPain(lead, "Spreadsheets");
  ASSERT_TRUE(tail.WaitForEvents(1));
  EXPECT_EQ(tail.events()[0].subject(), lead);
  const std::string before = tail.cursor();
  for (int i = 0; i < 5; ++i) CreateLead("Small");
  ASSERT_TRUE(Eventually([&] { return tail.responses().back().has_heartbeat() && tail.cursor() != before; }));
  EXPECT_THAT(tail.events(), SizeIs(1));
  // Resuming there, nothing that was passed over comes again.
  Tailer resumed(admin_, Tailer::Cursor(tail.cursor()));
  SetPain(lead, "Paper");
  ASSERT_TRUE(resumed.WaitForEvents(1));
  EXPECT_EQ(resumed.events().back().type(), "lead.updated");
}

TEST_F(EventTest, ARepIsToldOfWhatItSees) {
  CreateUser("own", type::v1::User::VISIBILITY_OWN);
  const std::string lead = CreateLead().name();
  const std::string other = CreateLead("Another's").name();
  WaitUntilPositioned();
  Tailer tail(As(type::v1::ROLE_REP, "users/own"), Tailer::Latest());
  ASSERT_TRUE(tail.WaitForStart());
  SetPain(lead, "hidden");
  // What belongs to a lead is as hidden as the lead.
  pipeline::v1::CreateMessageRequest note;
  note.set_parent(other);
  note.mutable_message()->set_type(type::v1::Message::TYPE_INTERNAL_NOTE);
  note.mutable_message()->set_body("hidden");
  admin_.Must<type::v1::Message>(note);
  pipeline::v1::AssignLeadRequest assign;
  assign.set_name(lead);
  assign.set_owner("users/own");
  admin_.Must<Lead>(assign);
  ASSERT_TRUE(tail.WaitForEvents(1));
  WaitUntilPositioned();
  EXPECT_EQ(tail.events()[0].type(), "lead.assigned");
  for (const Event& event : tail.events()) EXPECT_EQ("leads/" + event.partition_key(), lead) << event.type();
}

TEST_F(EventTest, ARestartTellsWhereToResume) {
  auto tail = std::make_unique<Tailer>(admin_, Tailer::Latest());
  ASSERT_TRUE(tail->WaitForStart());
  const std::string lead = CreateLead().name();
  ASSERT_TRUE(tail->WaitForEvents(1));
  const std::string cursor = [&] {
    std::thread restart([] { suite().Restart("pipeline"); });
    const absl::Status end = tail->WaitForEnd();
    EXPECT_TRUE(end.ok()) << end;
    EXPECT_TRUE(tail->responses().back().has_draining());
    std::string resume = tail->cursor();
    tail = nullptr;
    restart.join();
    return resume;
  }();
  const Caller admin = As(type::v1::ROLE_ADMIN);
  Tailer resumed(admin, Tailer::Cursor(cursor));
  pipeline::v1::UpdateLeadRequest update;
  update.mutable_lead()->set_name(lead);
  update.mutable_lead()->set_pain("later");
  admin.Must<Lead>(update);
  ASSERT_TRUE(resumed.WaitForEvents(1));
  EXPECT_EQ(resumed.events()[0].data().lead().pain(), "later");
}

}  // namespace
}  // namespace embudo::testing
