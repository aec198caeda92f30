// Webhooks that other systems call.

#include "absl/strings/escaping.h"
#include "common/base/sha256.h"
#include "tests/integration/capture/public_fixture.h"

namespace embudo::testing {
namespace {

using capture::v1::HookSignature;
using capture::v1::RotateHookSecretRequest;
using capture::v1::RotateHookSecretResponse;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

constexpr char kBody[] = R"({"id": "d1", "contact": {"emails": ["Ada@Example.com"], "name": "Ada"}, "plan": "pro"})";

class HooksTest : public PublicTest {
 protected:
  absl::StatusOr<Hook> CreateHook(const std::function<void(Hook&)>& change = {}) {
    capture::v1::CreateHookRequest request;
    Hook& hook = *request.mutable_hook();
    hook.set_display_name("Partner");
    hook.mutable_signature()->set_format(HookSignature::FORMAT_HEX);
    hook.mutable_signature()->set_header("X-Signature-256");
    hook.mutable_signature()->set_prefix("sha256=");
    *hook.add_fields() = Mapping("contact.emails[0]", "email", true);
    *hook.add_fields() = Mapping("/contact/name", "contact_name");
    hook.set_delivery_id_path("id");
    if (change) change(hook);
    return Capture<Hook>("HookService/CreateHook", request);
  }
  Hook NewHook(const std::function<void(Hook&)>& change = {}) {
    auto hook = CreateHook(change);
    EXPECT_TRUE(hook.ok()) << hook.status();
    return hook.ok() ? *hook : Hook();
  }
  RotateHookSecretResponse Rotate(const Hook& hook, const std::string& secret = "",
                                  const std::string& request_id = "") {
    RotateHookSecretRequest request;
    request.set_name(hook.name());
    request.set_secret(secret);
    request.set_request_id(request_id);
    auto response = Capture<RotateHookSecretResponse>("HookService/RotateHookSecret", request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? *response : RotateHookSecretResponse();
  }
  httplib::Result Call(const Hook& hook, const std::string& body, httplib::Headers headers) const {
    return Http().Post("/webhooks/" + hook.key(), std::move(headers), body, "application/json");
  }
  httplib::Result CallSigned(const Hook& hook, const std::string& body, const std::string& secret) const {
    return Call(hook, body, {{"X-Signature-256", "sha256=" + absl::BytesToHexString(HmacSha256(secret, body))}});
  }
};

TEST_F(HooksTest, ASignedCallBecomesALead) {
  const Hook hook = NewHook();
  const std::string secret = Rotate(hook).secret();
  EXPECT_THAT(secret, MatchesRegex("[0-9a-f]{64}"));
  const auto answer = CallSigned(hook, kBody, secret);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200) << answer->body;
  EXPECT_EQ(Json(answer)["outcome"], "created");
  const auto leads = ListLeads();
  ASSERT_THAT(leads, SizeIs(1));
  EXPECT_EQ(leads[0].email(), "ada@example.com");
  EXPECT_EQ(leads[0].contact_name(), "Ada");
  EXPECT_EQ(leads[0].channel(), Lead::CHANNEL_WEBHOOK);
  EXPECT_EQ(Json(answer)["submission"], Submissions()[0].name());
  EXPECT_EQ(CountRows("SELECT count(*) FROM capture.submission_raw WHERE tenant_id = $1"), 1);
}

TEST_F(HooksTest, WhatIsNotSignedIsRefusedAndNotKept) {
  const Hook hook = NewHook();
  EXPECT_EQ(Call(hook, kBody, {})->status, 401);
  EXPECT_EQ(CallSigned(hook, kBody, "no secret was made yet")->status, 401);
  const std::string secret = Rotate(hook).secret();
  const auto forged = CallSigned(hook, kBody, "another secret");
  EXPECT_EQ(forged->status, 401);
  EXPECT_EQ(Json(forged)["error"]["code"], "SIGNATURE_WRONG");
  const auto missing = Call(hook, kBody, {});
  EXPECT_EQ(Json(missing)["error"]["code"], "SIGNATURE_MISSING");
  // The signature is over the bytes as they came.
  const std::string signature = "sha256=" + absl::BytesToHexString(HmacSha256(secret, kBody));
  EXPECT_EQ(Call(hook, std::string(kBody) + " ", {{"X-Signature-256", signature}})->status, 401);
  EXPECT_THAT(Submissions(), IsEmpty());
  EXPECT_EQ(Http().Get("/webhooks/" + hook.key())->status, 405);
}

TEST_F(HooksTest, SecretsChangeOver) {
  const Hook hook = NewHook();
  const std::string request_id = Uuid::V7(Clock::System().Now()).ToString();
  const RotateHookSecretResponse first = Rotate(hook, "", request_id);
  EXPECT_FALSE(first.has_previous_expire_time());
  EXPECT_EQ(Rotate(hook, "", request_id).secret(), first.secret());
  const auto kept =
      db::Exec(*installation_->sql, "", db::After(std::chrono::seconds(10)),
               "SELECT response FROM capture.request WHERE request_id = $1::uuid", db::Params::Of(request_id));
  ASSERT_TRUE(kept.ok()) << kept.status();
  ASSERT_EQ(kept->size(), 1);
  EXPECT_THAT((*kept)[0].Bytes(0), ::testing::Not(HasSubstr(first.secret())));
  const RotateHookSecretResponse second = Rotate(hook, "chosen by the other system");
  EXPECT_EQ(second.secret(), "");
  EXPECT_TRUE(second.has_previous_expire_time());
  EXPECT_EQ(CallSigned(hook, kBody, first.secret())->status, 200);
  EXPECT_EQ(CallSigned(hook, kBody, "chosen by the other system")->status, 200);
  Rotate(hook);
  EXPECT_EQ(CallSigned(hook, kBody, first.secret())->status, 401);
  RotateHookSecretRequest repeated;
  repeated.set_name(hook.name());
  repeated.set_request_id(request_id);
  EXPECT_EQ(ReasonOf(Capture<RotateHookSecretResponse>("HookService/RotateHookSecret", repeated).status()),
            "SECRET_REPLACED");
  EXPECT_EQ(CallSigned(hook, kBody, "chosen by the other system")->status, 200);
  capture::v1::GetHookRequest get;
  get.set_name(hook.name());
  const auto shown = Capture<Hook>("HookService/GetHook", get);
  ASSERT_TRUE(shown.ok());
  EXPECT_TRUE(shown->has_secret_time());
  EXPECT_THAT(shown->ShortDebugString(), ::testing::Not(HasSubstr("chosen")));
  RotateHookSecretRequest weak;
  weak.set_name(hook.name());
  weak.set_secret("short");
  EXPECT_EQ(ReasonOf(Capture<RotateHookSecretResponse>("HookService/RotateHookSecret", weak).status()),
            "INVALID_FIELD");
  EXPECT_EQ(As<RotateHookSecretResponse>(type::v1::ROLE_MANAGER, "HookService/RotateHookSecret", weak).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(HooksTest, ADeliveryThatComesAgainDoesNothingTwice) {
  const Hook hook = NewHook();
  const std::string secret = Rotate(hook).secret();
  const auto first = CallSigned(hook, kBody, secret);
  const auto again = CallSigned(hook, kBody, secret);
  EXPECT_EQ(again->body, first->body);
  EXPECT_THAT(Submissions(), SizeIs(1));
  // The same delivery with another body: taken already.
  const auto other = CallSigned(hook, R"({"id": "d1", "contact": {"emails": ["bob@example.com"]}})", secret);
  EXPECT_EQ(other->status, 200);
  EXPECT_EQ(Json(other)["outcome"], "duplicate");
  EXPECT_EQ(Json(CallSigned(hook, R"({"id": "d2", "contact": {"emails": ["bob@example.com"]}})", secret))["outcome"],
            "created");
  EXPECT_THAT(ListLeads(), SizeIs(2));
  const Hook by_header = NewHook([](Hook& spec) { spec.set_delivery_id_header("X-Delivery"); });
  Rotate(by_header, "a secret of the other side");
  const std::string body = R"({"contact": {"emails": ["eve@example.com"]}})";
  const std::string signature = "sha256=" + absl::BytesToHexString(HmacSha256("a secret of the other side", body));
  for (const char* delivery : {"1", "1", "2"}) {
    EXPECT_EQ(Call(by_header, body, {{"X-Signature-256", signature}, {"X-Delivery", delivery}})->status, 200);
  }
  EXPECT_THAT(Submissions(), SizeIs(4));
}

TEST_F(HooksTest, WhatDoesNotFitTheMappingIsKept) {
  const Hook hook = NewHook([](Hook& spec) { spec.mutable_signature()->set_format(HookSignature::FORMAT_NONE); });
  for (const char* body : {"no JSON", R"({"contact": {}})", R"([1, 2])"}) {
    const auto answer = Call(hook, body, {});
    EXPECT_EQ(answer->status, 200) << body;
    EXPECT_EQ(Json(answer)["outcome"], "rejected") << body;
  }
  EXPECT_THAT(ListLeads(), IsEmpty());
  EXPECT_THAT(Submissions(), SizeIs(3));
  EXPECT_THAT(Submissions()[0].reason(), HasSubstr("contact.emails[0]"));
  EXPECT_EQ(Call(hook, std::string(256 * 1024 + 1, ' '), {})->status, 413);
}

TEST_F(HooksTest, RatesAndTimestamps) {
  const Hook hook = NewHook([](Hook& spec) {
    spec.mutable_signature()->set_format(HookSignature::FORMAT_TIMESTAMPED);
    spec.mutable_signature()->clear_prefix();
    spec.set_rate_per_minute(2);
    spec.clear_delivery_id_path();
  });
  Rotate(hook, "a secret of the other side");
  const auto call = [&](int64_t age) {
    const int64_t now = std::chrono::floor<std::chrono::seconds>(Clock::System().Now()).time_since_epoch().count();
    const std::string time = std::to_string(now - age);
    const std::string mac = HmacSha256("a secret of the other side", time + "." + kBody);
    return Call(hook, kBody, {{"X-Signature-256", "t=" + time + ",v1=" + absl::BytesToHexString(mac)}});
  };
  EXPECT_EQ(Json(call(3600))["error"]["code"], "TIMESTAMP_OUT_OF_RANGE");
  EXPECT_EQ(call(10)->status, 200);
  EXPECT_EQ(call(10)->status, 200);
  const auto limited = call(10);
  EXPECT_EQ(limited->status, 429);
  EXPECT_TRUE(limited->has_header("Retry-After"));
}

TEST_F(HooksTest, TheStandardMethodsOfHooks) {
  const Hook hook = NewHook();
  capture::v1::GetHookRequest get;
  get.set_name(hook.name());
  EXPECT_EQ(Capture<Hook>("HookService/GetHook", get)->SerializeAsString(), hook.SerializeAsString());
  EXPECT_THAT(
      Capture<capture::v1::ListHooksResponse>("HookService/ListHooks", capture::v1::ListHooksRequest())->hooks(),
      SizeIs(1));
  capture::v1::UpdateHookRequest update;
  update.mutable_hook()->set_name(hook.name());
  update.mutable_hook()->set_display_name("Another");
  update.mutable_hook()->set_etag("99");
  EXPECT_EQ(ReasonOf(Capture<Hook>("HookService/UpdateHook", update).status()), "STALE_ETAG");
  update.mutable_hook()->clear_etag();
  EXPECT_EQ(Capture<Hook>("HookService/UpdateHook", update)->display_name(), "Another");
  capture::v1::RotateHookKeyRequest rotate;
  rotate.set_name(hook.name());
  const auto rotated = Capture<Hook>("HookService/RotateHookKey", rotate);
  ASSERT_TRUE(rotated.ok()) << rotated.status();
  EXPECT_NE(rotated->key(), hook.key());
  EXPECT_EQ(Call(hook, kBody, {})->status, 404);
  EXPECT_EQ(Call(*rotated, kBody, {})->status, 401);
  capture::v1::DeleteHookRequest remove;
  remove.set_name(hook.name());
  EXPECT_TRUE(Capture<Hook>("HookService/DeleteHook", remove).ok());
  EXPECT_EQ(Call(*rotated, kBody, {})->status, 404);
  EXPECT_TRUE(Capture<Hook>("HookService/GetHook", get)->has_delete_time());
  EXPECT_EQ(As<Hook>(type::v1::ROLE_REP, "HookService/GetHook", get).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonOf(CreateHook([](Hook& spec) { spec.mutable_fields(0)->set_source("a[x]"); }).status()),
            "INVALID_FIELD");
  EXPECT_EQ(ReasonOf(CreateHook([](Hook& spec) { spec.clear_fields(); }).status()), "INVALID_FIELD");
  rpc::Identity stranger = admin_;
  stranger.tenant = "other-" + tenant_.substr(0, 20);
  EXPECT_EQ(capture_->Call<Hook>("embudo.capture.v1.HookService/UpdateHook", stranger, update).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(HooksTest, WhatTheMappingRejectedIsReplayedByTheMendedOne) {
  const Hook hook = NewHook([](Hook& spec) {
    spec.clear_signature();
    spec.mutable_signature()->set_format(HookSignature::FORMAT_NONE);
    spec.mutable_fields(0)->set_source("contact.mails[0]");
  });
  const auto answer = Call(hook, kBody, {});
  ASSERT_TRUE(answer);
  EXPECT_EQ(Json(answer)["outcome"], "rejected") << answer->body;
  capture::v1::ReplaySubmissionRequest replay;
  replay.set_name(Json(answer)["submission"]);
  EXPECT_EQ(ReasonOf(Capture<Submission>("CaptureService/ReplaySubmission", replay).status()), "STILL_REJECTED");

  capture::v1::UpdateHookRequest update;
  *update.mutable_hook() = hook;
  update.mutable_hook()->clear_etag();
  update.mutable_hook()->mutable_fields(0)->set_source("contact.emails[0]");
  update.mutable_update_mask()->add_paths("fields");
  ASSERT_TRUE(Capture<Hook>("HookService/UpdateHook", update).ok());
  const auto replayed = Capture<Submission>("CaptureService/ReplaySubmission", replay);
  ASSERT_TRUE(replayed.ok()) << replayed.status();
  EXPECT_EQ(replayed->outcome(), Submission::OUTCOME_CREATED);
  const auto leads = ListLeads();
  ASSERT_THAT(leads, SizeIs(1));
  EXPECT_EQ(leads[0].email(), "ada@example.com");
  EXPECT_EQ(replayed->lead(), leads[0].name());
}

}  // namespace
}  // namespace embudo::testing
