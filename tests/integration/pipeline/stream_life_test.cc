// What befalls the streams of events while they are open: tokens that expire, permission that is withdrawn, clients
// that are slow or do not read at all.

#include <google/rpc/error_details.pb.h>

#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/subscription_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "tests/integration/pipeline/consumer.h"
#include "tests/integration/pipeline/fixture.h"
#include "tests/integration/pipeline/replica.h"
#include "tests/integration/pipeline/tailer.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using pipeline::v1::TailRequest;
using pipeline::v1::TailResponse;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using type::v1::Event;
using type::v1::Lead;
using type::v1::User;

/// Tokens of the form `tenant/user/seconds`, believed until that second. That real ones are verified is tested with the
/// authenticator that does.
class ReadableTokens : public rpc::Authenticator {
 public:
  explicit ReadableTokens(const Clock& clock) : clock_(clock) {}

  static std::string Token(const std::string& tenant, const std::string& user, Time until) {
    return tenant + "/" + user + "/" + std::to_string(std::chrono::floor<seconds>(until).time_since_epoch().count());
  }

  absl::StatusOr<rpc::Identity> Authenticate(const rpc::MetadataLookup& metadata) override {
    const std::string header(metadata("authorization"));
    const std::vector<std::string> parts = absl::StrSplit(header.substr(std::min<size_t>(7, header.size())), '/');
    int64_t until = 0;
    if (parts.size() != 3 || !absl::SimpleAtoi(parts[2], &until)) {
      return Error(StatusCode::kUnauthenticated, "TOKEN_INVALID", "no token").ToStatus();
    }
    rpc::Identity identity;
    identity.tenant = parts[0];
    identity.actor = "users/" + parts[1];
    identity.roles = {type::v1::ROLE_ADMIN};
    identity.expire_time = Time(seconds(until));
    if (*identity.expire_time <= clock_.Now()) {
      return Error(StatusCode::kUnauthenticated, "TOKEN_EXPIRED", "too late").ToStatus();
    }
    return identity;
  }

 private:
  const Clock& clock_;
};

class StreamLifeTest : public PipelineTest {
 protected:
  void SetUp() override { WaitUntilPositioned(); }

  static TailRequest Beating(TailRequest request) {
    request.mutable_start()->set_heartbeat_seconds(1);
    return request;
  }
  Lead SetPain(const std::string& lead, const std::string& pain) const {
    pipeline::v1::UpdateLeadRequest request;
    request.mutable_lead()->set_name(lead);
    request.mutable_lead()->set_pain(pain);
    return admin_.Must<Lead>(request);
  }
  void SetVisibility(const std::string& user, User::Visibility visibility) const {
    pipeline::v1::UpdateUserRequest request;
    request.mutable_user()->set_name(user);
    request.mutable_user()->set_visibility(visibility);
    request.mutable_update_mask()->add_paths("visibility");
    admin_.Must<User>(request);
  }
  std::string Subscribe() const {
    pipeline::v1::CreateSubscriptionRequest request;
    request.mutable_subscription()->set_display_name("Index");
    request.mutable_subscription()->set_start(type::v1::Subscription::START_LATEST);
    request.mutable_subscription()->set_filter(R"(type = "lead.created" OR type = "lead.updated")");
    return admin_.Must<type::v1::Subscription>(request).name();
  }
  /// Many events of many leads, in one go.
  void Import(int count, const std::string& pain = "") const {
    for (int done = 0; done < count; done += 1000) {
      pipeline::v1::BulkUpsertLeadsRequest bulk;
      for (int i = 0; i < std::min(1000, count - done); ++i) {
        Lead& lead = *bulk.add_items()->mutable_lead();
        lead.set_display_name("Deal " + std::to_string(done + i));
        lead.add_external_ids()->set_system("crm");
        lead.mutable_external_ids(0)->set_id(std::to_string(done + i));
        if (!pain.empty()) lead.set_pain(pain);
      }
      service_.Must<pipeline::v1::BulkUpsertLeadsResponse>(bulk);
    }
  }
};

/// Callers with tokens.
class TokenTest : public StreamLifeTest {
 protected:
  std::string TokenFor(seconds life, const std::string& user = "admin") const {
    return ReadableTokens::Token(tenant_, user, suite().clock().Now() + life);
  }
  /// A client that shows this token.
  std::unique_ptr<rpc::Client> ClientWith(const std::string& token) const {
    return std::make_unique<rpc::Client>(
        rpc::ClientOptions{.target = replica_.address(), .credentials = rpc::TokenCredentials(token)});
  }

  Replica replica_{suite(), std::make_shared<ReadableTokens>(suite().clock())};
};

TEST_F(TokenTest, AStreamIsWarnedAndGoesOnWithANewToken) {
  const auto client = ClientWith(TokenFor(seconds(300)));
  const Time expiry = std::chrono::floor<seconds>(suite().clock().Now() + seconds(300));
  Tailer tail(Caller(*client, admin_.identity()), Beating(Tailer::Latest()));
  ASSERT_TRUE(tail.WaitForStart());
  suite().Advance(seconds(230));
  ASSERT_TRUE(tail.WaitForHeartbeat());
  ASSERT_TRUE(tail.WaitForHeartbeat());
  for (const auto& response : tail.responses()) EXPECT_FALSE(response.has_token_expiring());
  suite().Advance(seconds(15));
  ASSERT_TRUE(tail.WaitFor(TailResponse::kTokenExpiring));
  EXPECT_EQ(FromTimestamp(tail.responses().back().token_expiring().expire_time()), expiry);
  tail.Renew(TokenFor(seconds(600)));
  ASSERT_TRUE(tail.WaitForHeartbeat());
  suite().Advance(seconds(100));
  const std::string lead = CreateLead().name();
  ASSERT_TRUE(tail.WaitForEvents(1));
  EXPECT_EQ(tail.events()[0].subject(), lead);
  // The new one's end is told of too.
  const size_t so_far = tail.responses().size();
  suite().Advance(seconds(450));
  EXPECT_TRUE(tail.WaitFor(TailResponse::kTokenExpiring, so_far));
}

TEST_F(TokenTest, WithoutOneItEndsAndTellsWhereToResume) {
  const auto client = ClientWith(TokenFor(seconds(300)));
  Tailer tail(Caller(*client, admin_.identity()), Tailer::Latest());
  ASSERT_TRUE(tail.WaitForStart());
  CreateLead("Seen");
  ASSERT_TRUE(tail.WaitForEvents(1));
  suite().Advance(seconds(301));
  const absl::Status end = tail.WaitForEnd();
  ASSERT_THAT(end, IsError(StatusCode::kUnauthenticated, "TOKEN_EXPIRED"));
  const auto info = DetailOf<google::rpc::ErrorInfo>(end);
  const std::string later = CreateLead("Later").name();
  const auto renewed = ClientWith(TokenFor(seconds(300)));
  Tailer resumed(Caller(*renewed, admin_.identity()), Tailer::Cursor(info.metadata().at("cursor")));
  ASSERT_TRUE(resumed.WaitForEvents(1));
  EXPECT_EQ(resumed.events()[0].subject(), later);
}

TEST_F(TokenTest, AnotherSubjectsTokenEndsTheStream) {
  const auto client = ClientWith(TokenFor(seconds(300)));
  const Caller caller(*client, admin_.identity());
  for (const std::string& token : {TokenFor(seconds(600), "mallory"), TokenFor(seconds(-1)), std::string("nonsense")}) {
    Tailer tail(caller, Tailer::Latest());
    ASSERT_TRUE(tail.WaitForStart());
    tail.Renew(token);
    EXPECT_EQ(tail.WaitForEnd().code(), StatusCode::kUnauthenticated) << token;
  }
}

TEST_F(TokenTest, AWorkersStreamIsWarnedRenewedAndEnded) {
  const auto client = ClientWith(TokenFor(seconds(300)));
  const std::string name = Subscribe();
  Consumer worker(Caller(*client, admin_.identity()), name);
  ASSERT_TRUE(worker.WaitFor(Consumer::Response::kStarted));
  suite().Advance(seconds(250));
  ASSERT_TRUE(worker.WaitFor(Consumer::Response::kTokenExpiring));
  worker.Renew(TokenFor(seconds(600)));
  ASSERT_TRUE(worker.WaitForHeartbeat());
  suite().Advance(seconds(300));
  ASSERT_TRUE(worker.WaitForHeartbeat());
  const std::string lead = CreateLead().name();
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 1));
  suite().Advance(seconds(301));
  EXPECT_THAT(worker.WaitForEnd(), IsError(StatusCode::kUnauthenticated, "TOKEN_EXPIRED"));
  // What it had not acknowledged is another's.
  Consumer next(admin_, name);
  EXPECT_TRUE(next.WaitForDeliveriesOf(lead, 1));
}

TEST_F(StreamLifeTest, PermissionThatIsWithdrawnHoldsAtOnce) {
  const std::string user = CreateUser("ana", User::VISIBILITY_ALL);
  const std::string lead = CreateLead().name();
  WaitUntilPositioned();
  const std::string name = Subscribe();
  const Caller ana = As(type::v1::ROLE_REP, user);
  Tailer tail(ana, Beating(Tailer::Latest()));
  Consumer worker(ana, name);
  ASSERT_TRUE(tail.WaitForStart());
  ASSERT_TRUE(worker.WaitFor(Consumer::Response::kCaughtUp));
  SetPain(lead, "seen");
  ASSERT_TRUE(tail.WaitForEvents(1));
  ASSERT_TRUE(worker.WaitForDeliveriesOf(lead, 1));
  worker.AckAll();
  SetVisibility(user, User::VISIBILITY_OWN);
  const size_t seen = tail.events().size();
  Tailer control(admin_, Tailer::Latest());
  ASSERT_TRUE(control.WaitForStart());
  SetPain(lead, "hidden");
  ASSERT_TRUE(control.WaitForEvents(1));
  WaitUntilPositioned();
  ASSERT_TRUE(tail.WaitForHeartbeat());
  for (size_t i = seen; i < tail.events().size(); ++i) EXPECT_NE(tail.events()[i].subject(), lead);
  // A worker is not given what it may not see, and takes it from nobody: it waits for one who may.
  EXPECT_THAT(worker.WaitForEnd(), IsError(StatusCode::kPermissionDenied, "EVENT_NOT_VISIBLE"));
  EXPECT_THAT(worker.Of(lead), SizeIs(1));
  Consumer other(admin_, name);
  ASSERT_TRUE(other.WaitForDeliveriesOf(lead, 1));
  EXPECT_EQ(other.Of(lead)[0].event().data().lead().pain(), "hidden");
}

TEST_F(StreamLifeTest, ARestartFromAHeartbeatReadsNothingAgain) {
  TailRequest request = Beating(Tailer::Latest());
  request.mutable_start()->set_filter(R"(lead.display_name = "None such")");
  std::string cursor;
  {
    Tailer tail(admin_, request);
    ASSERT_TRUE(tail.WaitForStart());
    Tailer unfiltered(admin_, Tailer::Latest());
    ASSERT_TRUE(unfiltered.WaitForStart());
    Import(1000);
    // Heartbeats count what the server has read: all, once another of its streams has got all.
    ASSERT_TRUE(unfiltered.WaitForEvents(1000));
    const size_t so_far = tail.responses().size();
    ASSERT_TRUE(Eventually([&] {
      const auto all = tail.responses();
      const auto& last = all.back();
      return all.size() >= so_far + 2 && last.has_heartbeat() && last.heartbeat().caught_up() &&
             last.heartbeat().backlog() == 0;
    }));
    EXPECT_THAT(tail.events(), IsEmpty());
    cursor = tail.cursor();
  }
  // Without the filter, what was passed over would come.
  Tailer resumed(admin_, Tailer::Cursor(cursor));
  ASSERT_TRUE(resumed.WaitFor(TailResponse::kCaughtUp));
  EXPECT_THAT(resumed.events(), IsEmpty());
}

TEST_F(StreamLifeTest, OneThatFallsBehindIsToldAndLosesNothing) {
  TailRequest request = Beating(Tailer::Latest());
  request.mutable_credit()->set_events(1);
  Tailer tail(admin_, request);
  ASSERT_TRUE(tail.WaitFor(TailResponse::kCaughtUp));
  Import(11000);
  ASSERT_TRUE(tail.WaitFor(TailResponse::kFellBehind));
  size_t told = 0;
  for (const auto& response : tail.responses()) told += response.has_fell_behind() ? 1 : 0;
  EXPECT_EQ(told, 1u);
  WaitUntilPositioned();
  const size_t so_far = tail.responses().size();
  tail.Credit(100000);
  ASSERT_TRUE(tail.WaitForEvents(11000));
  ASSERT_TRUE(tail.WaitFor(TailResponse::kCaughtUp, so_far));
  EXPECT_THAT(tail.events(), SizeIs(11000));
}

TEST_F(StreamLifeTest, AClientThatDoesNotReadIsWaitedFor) {
  constexpr int kEvents = 10000;
  const auto stream = admin_.Stream("embudo.pipeline.v1.EventService/Tail");
  TailRequest request = Beating(Tailer::Latest());
  request.mutable_credit()->set_events(1000000);
  request.mutable_credit()->set_bytes(1 << 30);
  ASSERT_TRUE(stream->Write(request));
  TailResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_TRUE(response.has_started());
  // 10 MB, far more than the buffers between hold.
  Tailer control(admin_, [] {
    TailRequest all = Tailer::Latest();
    all.mutable_credit()->set_events(1000000);
    all.mutable_credit()->set_bytes(1 << 30);
    return all;
  }());
  ASSERT_TRUE(control.WaitForStart());
  Import(kEvents, std::string(900, 'x'));
  // Others are served meanwhile.
  ASSERT_TRUE(control.WaitForEvents(kEvents));
  std::map<int, int64_t> positions;
  int events = 0;
  while (events < kEvents) {
    ASSERT_TRUE(stream->Read(&response)) << stream->Finish();
    EXPECT_LE(response.ByteSizeLong(), (1u << 20) + (256u << 10));
    for (const Event& event : response.events()) {
      ++events;
      EXPECT_GT(event.position(), positions[event.partition()]);
      positions[event.partition()] = event.position();
    }
  }
  EXPECT_EQ(events, kEvents);
  stream->Cancel();
}

}  // namespace
}  // namespace embudo::testing
