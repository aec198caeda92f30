// Who may do what with events and subscriptions, told by real tokens.

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/rpc/authenticator.h"
#include "common/rpc/jose.h"
#include "common/testing/temp_dir.h"
#include "embudo/pipeline/v1/event_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/privacy_service.pb.h"
#include "embudo/pipeline/v1/subscription_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"
#include "embudo/type/v1/options.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "google/rpc/error_details.pb.h"
#include "tests/integration/pipeline/consumer.h"
#include "tests/integration/pipeline/fixture.h"
#include "tests/integration/pipeline/replica.h"
#include "tests/integration/pipeline/tailer.h"

namespace embudo::testing {
namespace {

using absl::StatusCode;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using std::chrono::seconds;
using type::v1::Lead;
using type::v1::Role;
using type::v1::User;

/// An identity provider with one key, and a process of the service that believes it.
class EventRoleTest : public PipelineTest {
 protected:
  EventRoleTest() {
    const rpc::KeyHandle key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free);
    const std::string pem = directory_.path().string() + "/key.pem";
    FILE* file = std::fopen(pem.c_str(), "we");
    PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    std::ofstream(directory_.path().string() + "/jwks.json") << *rpc::PublicJwks(pem);
    signer_ = std::make_unique<rpc::SigningKey>(*rpc::SigningKey::Read(pem));
    rpc::JwtOptions options;
    options.jwks = directory_.path().string() + "/jwks.json";
    options.issuer = "idp";
    options.audience = "embudo";
    replica_ = std::make_unique<Replica>(suite(), *rpc::JwtAuthenticator(options, suite().clock()));
    WaitUntilPositioned();
  }

  std::string Token(const std::string& role, const std::string& actor, seconds life = seconds(300)) const {
    const int64_t now = std::chrono::floor<seconds>(suite().clock().Now()).time_since_epoch().count();
    return signer_->Sign({{"iss", "idp"},
                          {"aud", "embudo"},
                          {"sub", actor},
                          {"iat", now},
                          {"exp", now + life.count()},
                          {"tenant", tenant_},
                          {"roles", role}});
  }
  /// A caller that shows a token.
  Caller With(const std::string& token) {
    clients_.push_back(std::make_unique<rpc::Client>(
        rpc::ClientOptions{.target = replica_->address(), .credentials = rpc::TokenCredentials(token)}));
    return {*clients_.back(), admin_.identity()};
  }
  Caller WithRole(const std::string& role) {
    return With(Token(role, role == "service" ? "services/index" : "users/" + role));
  }
  std::string Subscribe() const {
    pipeline::v1::CreateSubscriptionRequest request;
    request.mutable_subscription()->set_display_name("Leads");
    request.mutable_subscription()->set_filter(R"(type = "lead.*")");
    request.mutable_subscription()->set_start(type::v1::Subscription::START_LATEST);
    return admin_.Must<type::v1::Subscription>(request).name();
  }
  void SetPain(const std::string& lead, const std::string& pain) const {
    pipeline::v1::UpdateLeadRequest request;
    request.mutable_lead()->set_name(lead);
    request.mutable_lead()->set_pain(pain);
    admin_.Must<Lead>(request);
  }
  void SetVisibility(const std::string& user, User::Visibility visibility) const {
    pipeline::v1::UpdateUserRequest request;
    request.mutable_user()->set_name(user);
    request.mutable_user()->set_visibility(visibility);
    request.mutable_update_mask()->add_paths("visibility");
    admin_.Must<User>(request);
  }

  const TempDir directory_;
  std::unique_ptr<rpc::SigningKey> signer_;
  std::unique_ptr<Replica> replica_;
  std::vector<std::unique_ptr<rpc::Client>> clients_;
};

/// What a call of the method without any field ends with.
absl::Status TryEmpty(const Caller& caller, const MethodDescriptor* method) {
  auto* factory = google::protobuf::MessageFactory::generated_factory();
  const std::unique_ptr<Message> request(factory->GetPrototype(method->input_type())->New());
  const std::unique_ptr<Message> response(factory->GetPrototype(method->output_type())->New());
  if (!method->client_streaming() && !method->server_streaming()) return caller.CallAny(*request, response.get());
  const auto stream = caller.Stream(method->service()->full_name() + "/" + method->name());
  stream->Write(*request);
  stream->WritesDone();
  return stream->Finish();
}

TEST_F(EventRoleTest, EachMethodTakesTheRolesThatItNames) {
  const std::vector<std::pair<std::string, Role>> roles = {{"rep", type::v1::ROLE_REP},
                                                           {"manager", type::v1::ROLE_MANAGER},
                                                           {"admin", type::v1::ROLE_ADMIN},
                                                           {"service", type::v1::ROLE_SERVICE}};
  int refused = 0;
  for (const auto& [text, role] : roles) {
    const Caller caller = WithRole(text);
    for (const ServiceDescriptor* service : {pipeline::v1::TailRequest::descriptor()->file()->service(0),
                                             pipeline::v1::SeekSubscriptionRequest::descriptor()->file()->service(0),
                                             pipeline::v1::ErasePersonRequest::descriptor()->file()->service(0),
                                             pipeline::v1::UpdateTenantRequest::descriptor()->file()->service(0)}) {
      for (int i = 0; i < service->method_count(); ++i) {
        const MethodDescriptor* method = service->method(i);
        const auto& access = method->options().GetExtension(type::v1::access);
        const bool allowed = std::count(access.roles().begin(), access.roles().end(), role) > 0;
        const absl::Status status = TryEmpty(caller, method);
        EXPECT_EQ(ReasonOf(status) == "ROLE_REQUIRED", !allowed)
            << text << " " << method->full_name() << ": " << status;
        refused += allowed ? 0 : 1;
      }
    }
  }
  EXPECT_GT(refused, 20);
}

TEST_F(EventRoleTest, NoTokenAndABadOneOpenNothing) {
  for (const std::string& token :
       {std::string("nonsense"), Token("admin", "users/admin", seconds(-120)), Token("admin", "users/admin") + "x"}) {
    EXPECT_EQ(Tailer(With(token), Tailer::Latest()).WaitForEnd().code(), StatusCode::kUnauthenticated) << token;
    EXPECT_EQ(Consumer(With(token), Subscribe()).WaitForEnd().code(), StatusCode::kUnauthenticated) << token;
  }
}

TEST_F(EventRoleTest, ATokenThatExpiresInMidStreamIsRenewedOrEndsIt) {
  Tailer tail(With(Token("admin", "users/admin", seconds(300))), Tailer::Latest());
  ASSERT_TRUE(tail.WaitForStart());
  // A minute before the end of the leeway that a token has.
  suite().Advance(seconds(310));
  ASSERT_TRUE(tail.WaitFor(pipeline::v1::TailResponse::kTokenExpiring));
  tail.Renew(Token("admin", "users/admin", seconds(300)));
  suite().Advance(seconds(200));
  const std::string lead = CreateLead("Seen").name();
  ASSERT_TRUE(tail.WaitForEvents(1));
  // A token of another subject is none.
  tail.Renew(Token("admin", "users/mallory", seconds(600)));
  EXPECT_EQ(tail.WaitForEnd().code(), StatusCode::kUnauthenticated);

  Tailer second(With(Token("admin", "users/admin", seconds(120))), Tailer::Latest());
  ASSERT_TRUE(second.WaitForStart());
  suite().Advance(seconds(300));
  const absl::Status end = second.WaitForEnd();
  ASSERT_THAT(end, IsError(StatusCode::kUnauthenticated, "TOKEN_EXPIRED"));
  const std::string cursor = DetailOf<google::rpc::ErrorInfo>(end).metadata().at("cursor");
  const std::string later = CreateLead("Later").name();
  Tailer resumed(With(Token("admin", "users/admin")), Tailer::Cursor(cursor));
  ASSERT_TRUE(resumed.WaitForEvents(1));
  EXPECT_EQ(resumed.events()[0].subject(), later);
}

TEST_F(EventRoleTest, ARoleThatIsWithdrawnWithTheTokenHoldsInMidStream) {
  const std::string user = CreateUser("ana", User::VISIBILITY_OWN);
  Tailer tail(With(Token("manager", user)), Tailer::Latest());
  ASSERT_TRUE(tail.WaitForStart());
  const std::string lead = CreateLead("Seen as a manager").name();
  ASSERT_TRUE(tail.WaitForEvents(1));
  tail.Renew(Token("rep", user, seconds(400)));
  // One heartbeat may have been on its way already.
  ASSERT_TRUE(tail.WaitForHeartbeat());
  ASSERT_TRUE(tail.WaitForHeartbeat());
  const std::string cursor = tail.cursor();  // another heartbeat may go past what follows
  SetPain(lead, "not a rep's to see");
  Tailer control(With(Token("admin", "users/admin")), Tailer::Cursor(cursor));
  ASSERT_TRUE(control.WaitForEvents(1));
  ASSERT_TRUE(tail.WaitForHeartbeat());
  EXPECT_EQ(tail.events().size(), 1u);
}

TEST_F(EventRoleTest, AWorkerTakesNothingAwayThatItMayNotSee) {
  const std::string user = CreateUser("ana", User::VISIBILITY_OWN);
  const std::string name = Subscribe();
  const std::string lead = CreateLead("Somebody else's").name();
  WaitUntilPositioned();
  Consumer rep(With(Token("rep", user)), name);
  EXPECT_THAT(rep.WaitForEnd(), IsError(StatusCode::kPermissionDenied, "EVENT_NOT_VISIBLE"));
  EXPECT_TRUE(rep.deliveries().empty());
  Consumer service(WithRole("service"), name);
  EXPECT_TRUE(service.WaitForDeliveriesOf(lead, 1));
}

}  // namespace
}  // namespace embudo::testing
