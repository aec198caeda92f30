#include "services/capture/logic/hook_capture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "common/base/error.h"
#include "common/base/sha256.h"
#include "common/testing/manual_clock.h"
#include "services/capture/logic/json_path.h"
#include "services/capture/logic/link_token.h"
#include "services/capture/logic/rate_limiter.h"
#include "services/capture/logic/signature.h"

namespace embudo::capture::logic {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using v1::Hook;
using v1::HookSignature;
using v1::Submission;

constexpr char kBody[] = R"({"contact": {"emails": [{"value": "ada@example.com"}, {"value": "b@example.com"}],
  "name": "Ada", "a/b": "slash", "size": 120, "empty": "", "none": null},
  "items": [{"sku": "A"}, {"sku": "B"}, {}], "words": ["x", "y"]})";

std::vector<std::string> At(const std::string& path) {
  const auto parsed = JsonPath::Parse(path);
  const auto document = ParseJson(kBody);
  if (!parsed.ok() || !document.ok()) return {"broken"};
  return parsed->Texts(*document);
}

TEST(JsonPathTest, PointersAndDots) {
  for (const char* path : {"/contact/emails/0/value", "contact.emails[0].value", "$.contact.emails[0].value"}) {
    EXPECT_THAT(At(path), ElementsAre("ada@example.com")) << path;
  }
  EXPECT_THAT(At("/contact/a~1b"), ElementsAre("slash"));
  EXPECT_THAT(At("contact.size"), ElementsAre("120"));
  EXPECT_THAT(At("items[*].sku"), ElementsAre("A", "B"));
  EXPECT_THAT(At("/items/*/sku"), ElementsAre("A", "B"));
  EXPECT_THAT(At("words"), ElementsAre("x", "y"));
  EXPECT_THAT(At("items[0]"), ElementsAre(R"({"sku":"A"})"));
  for (const char* path :
       {"/contact/none", "contact.empty", "nothing", "items[9].sku", "contact.name.first", "words[x"}) {
    if (std::string_view(path) == "words[x") continue;
    EXPECT_THAT(At(path), IsEmpty()) << path;
  }
  for (const char* path : {"", "a..b", "a[", "a[x]", "a[]", "/a~2", "a.", "[0"}) {
    EXPECT_FALSE(JsonPath::Parse(path).ok()) << path;
  }
}

Hook MappedHook() {
  Hook hook;
  hook.set_name("hooks/h");
  hook.mutable_signature()->set_format(HookSignature::FORMAT_NONE);
  const auto map = [&](const char* source, const char* field) {
    auto& mapping = *hook.add_fields();
    mapping.set_source(source);
    mapping.set_field(field);
    return &mapping;
  };
  map("contact.emails[*].value", "email")->set_required(true);
  map("/contact/name", "contact_name");
  map("items[*].sku", "description");
  map("contact.size", "headcount");
  hook.set_source("partner");
  return hook;
}

TEST(HookCaptureTest, TheMappingFillsTheLead) {
  Hook hook = MappedHook();
  ASSERT_TRUE(PrepareHook(hook).ok());
  const Capturing capturing = CaptureHook(hook, kBody);
  EXPECT_EQ(capturing.outcome, Submission::OUTCOME_UNSPECIFIED) << capturing.reason;
  EXPECT_EQ(capturing.request.lead().email(), "ada@example.com");
  EXPECT_EQ(capturing.request.lead().description(), "A; B");
  EXPECT_EQ(capturing.request.lead().headcount(), 120);
  EXPECT_EQ(capturing.request.touch().source(), "partner");
  EXPECT_EQ(capturing.request.payload().webhook().hook(), "hooks/h");
  EXPECT_EQ(capturing.request.payload().webhook().fields().at("headcount"), "120");
}

TEST(HookCaptureTest, WhatDoesNotFitIsRejectedAndFitsLater) {
  Hook hook = MappedHook();
  const std::string body = R"({"mail": "ada@example.com"})";
  const Capturing rejected = CaptureHook(hook, body);
  EXPECT_EQ(rejected.outcome, Submission::OUTCOME_REJECTED);
  EXPECT_THAT(rejected.reason, HasSubstr("contact.emails"));
  hook.mutable_fields(0)->set_source("mail");
  EXPECT_EQ(CaptureHook(hook, body).outcome, Submission::OUTCOME_UNSPECIFIED);
  EXPECT_EQ(CaptureHook(hook, body).request.lead().email(), "ada@example.com");
  EXPECT_THAT(CaptureHook(hook, "no JSON").reason, HasSubstr("is no JSON"));
}

TEST(HookCaptureTest, DeliveriesAreToldApart) {
  Hook hook;
  EXPECT_EQ(DeliveryIdOf(hook, "", R"({"id": 7})"), "");
  hook.set_delivery_id_path("id");
  EXPECT_EQ(DeliveryIdOf(hook, "", R"({"id": 7})"), "7");
  EXPECT_EQ(DeliveryIdOf(hook, "ignored", R"({"id": 7})"), "7");
  hook.set_delivery_id_header("X-Id");
  EXPECT_EQ(DeliveryIdOf(hook, "h", R"({"id": 7})"), "h");
}

TEST(HookCaptureTest, WrongSettingsAreNamed) {
  const auto field_of = [](const auto& change) {
    Hook hook = MappedHook();
    change(hook);
    google::rpc::BadRequest bad;
    const auto details = ToRpcStatus(PrepareHook(hook));
    for (const auto& detail : details.details()) detail.UnpackTo(&bad);
    return bad.field_violations_size() == 1 ? bad.field_violations(0).field() : "";
  };
  EXPECT_EQ(field_of([](Hook& hook) { hook.mutable_fields(1)->set_source("a[x]"); }), "hook.fields[1].source");
  EXPECT_EQ(field_of([](Hook& hook) { hook.mutable_fields(1)->set_field("state"); }), "hook.fields[1].field");
  EXPECT_EQ(field_of([](Hook& hook) { hook.clear_signature(); }), "hook.signature.format");
  EXPECT_EQ(field_of([](Hook& hook) { hook.mutable_signature()->set_format(HookSignature::FORMAT_HEX); }),
            "hook.signature.header");
  EXPECT_EQ(field_of([](Hook& hook) { hook.set_delivery_id_header("a b"); }), "hook.delivery_id_header");
  EXPECT_EQ(field_of([](Hook& hook) { hook.set_delivery_id_path("a["); }), "hook.delivery_id_path");
}

const Time kNow = Time(std::chrono::seconds(1'700'000'000));

std::string Verify(const HookSignature& scheme, const std::string& header, const std::string& body) {
  const absl::Status status = VerifySignature(scheme, {"new secret", "old secret"}, header, body, kNow);
  return status.ok() ? "good" : ReasonOf(status);
}

TEST(SignatureTest, HexAndBase64) {
  HookSignature scheme;
  scheme.set_format(HookSignature::FORMAT_HEX);
  scheme.set_header("X-Signature");
  scheme.set_prefix("sha256=");
  // As `printf '%s' '{"a":1}' | openssl dgst -sha256 -hmac 'new secret'` says.
  const std::string mac = HmacSha256("new secret", R"({"a":1})");
  EXPECT_EQ(absl::BytesToHexString(mac), "e5247f5d9461a48a9ba8b51f644581c5fe29801f2600c488075a102b3145cfaf");
  EXPECT_EQ(Verify(scheme, "sha256=" + absl::BytesToHexString(mac), R"({"a":1})"), "good");
  EXPECT_EQ(Verify(scheme, "sha256=" + absl::BytesToHexString(HmacSha256("old secret", "x")), "x"), "good");
  EXPECT_EQ(Verify(scheme, "sha256=" + absl::BytesToHexString(mac), R"({"a":2})"), "SIGNATURE_WRONG");
  EXPECT_EQ(Verify(scheme, absl::BytesToHexString(mac), R"({"a":1})"), "SIGNATURE_WRONG");
  EXPECT_EQ(Verify(scheme, "sha256=", R"({"a":1})"), "SIGNATURE_WRONG");
  EXPECT_EQ(Verify(scheme, "", R"({"a":1})"), "SIGNATURE_MISSING");
  scheme.set_format(HookSignature::FORMAT_BASE64);
  scheme.clear_prefix();
  EXPECT_EQ(Verify(scheme, absl::Base64Escape(mac), R"({"a":1})"), "good");
  EXPECT_EQ(Verify(scheme, "!!", R"({"a":1})"), "SIGNATURE_WRONG");
  EXPECT_EQ(ReasonOf(VerifySignature(scheme, {}, absl::Base64Escape(mac), R"({"a":1})", kNow)), "SIGNATURE_WRONG");
}

TEST(SignatureTest, Timestamped) {
  HookSignature scheme;
  scheme.set_format(HookSignature::FORMAT_TIMESTAMPED);
  scheme.set_header("Stripe-Signature");
  const auto sign = [](int64_t seconds, const std::string& body) {
    const std::string time = std::to_string(seconds);
    return "t=" + time + ",v1=" + absl::BytesToHexString(HmacSha256("new secret", time + "." + body));
  };
  EXPECT_EQ(Verify(scheme, sign(1'700'000'000, "x"), "x"), "good");
  EXPECT_EQ(Verify(scheme, sign(1'700'000'000, "x") + ",v0=ff,v1=00", "x"), "good");
  EXPECT_EQ(Verify(scheme, sign(1'700'000'000 - 300, "x"), "x"), "good");
  EXPECT_EQ(Verify(scheme, sign(1'700'000'000 - 301, "x"), "x"), "TIMESTAMP_OUT_OF_RANGE");
  EXPECT_EQ(Verify(scheme, sign(1'700'000'000 + 301, "x"), "x"), "TIMESTAMP_OUT_OF_RANGE");
  EXPECT_EQ(Verify(scheme, sign(1'700'000'000, "y"), "x"), "SIGNATURE_WRONG");
  EXPECT_EQ(Verify(scheme, "t=1700000001" + sign(1'700'000'000, "x").substr(12), "x"), "SIGNATURE_WRONG");
  for (const char* header : {"t=,v1=00", "v1=00", "t=1700000000", "t=17x,v1=00"}) {
    EXPECT_EQ(Verify(scheme, header, "x"), "SIGNATURE_MISSING") << header;
  }
}

TEST(LinkTokenTest, OnlyWhatWasSignedIsRead) {
  const LinkSigner signer({std::string(32, 'a'), std::string(32, 'b')});
  const Link link{LinkKind::kQuote, "acme", "quotes/1", kNow + std::chrono::hours(1)};
  const std::string token = signer.Sign(link);
  EXPECT_EQ(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
            std::string::npos);
  const auto read = signer.Read(token, kNow);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kind, LinkKind::kQuote);
  EXPECT_EQ(read->tenant, "acme");
  EXPECT_EQ(read->name, "quotes/1");
  EXPECT_EQ(read->expire_time, link.expire_time);
  EXPECT_FALSE(signer.Read(token, kNow + std::chrono::hours(1)));
  // The old secret's links are good after the change, those of others are not.
  EXPECT_TRUE(LinkSigner({std::string(32, 'c'), std::string(32, 'a')}).Read(token, kNow));
  EXPECT_FALSE(LinkSigner({std::string(32, 'c')}).Read(token, kNow));
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    const auto other = signer.Read(changed, kNow);
    // The last character may hold bits that stand for nothing.
    EXPECT_TRUE(!other || i + 1 == token.size()) << i;
  }
  EXPECT_FALSE(signer.Read("", kNow));
  EXPECT_FALSE(signer.Read(std::string(5000, 'A'), kNow));
  EXPECT_FALSE(LinkSigner::Parse("short\n").ok());
  EXPECT_FALSE(LinkSigner::Parse("\n").ok());
  EXPECT_TRUE(LinkSigner::Parse(std::string(32, 'x') + "\n\n")->enabled());
}

TEST(RateLimiterTest, ABucketFillsEvenly) {
  testing::ManualClock clock;
  RateLimiter limiter(clock);
  for (int i = 0; i < 6; ++i) EXPECT_FALSE(limiter.Take("a", 6)) << i;
  EXPECT_EQ(limiter.Take("a", 6), std::chrono::seconds(10));
  EXPECT_FALSE(limiter.Take("b", 6));
  clock.Advance(std::chrono::seconds(4));
  EXPECT_EQ(limiter.Take("a", 6), std::chrono::seconds(6));
  clock.Advance(std::chrono::seconds(6));
  EXPECT_FALSE(limiter.Take("a", 6));
  EXPECT_TRUE(limiter.Take("a", 6));
  clock.Advance(std::chrono::hours(1));
  for (int i = 0; i < 6; ++i) EXPECT_FALSE(limiter.Take("a", 6)) << i;
  EXPECT_TRUE(limiter.Take("a", 6));
}

TEST(RateLimiterTest, MemoryIsBounded) {
  testing::ManualClock clock;
  RateLimiter limiter(clock, 3);
  EXPECT_FALSE(limiter.Take("a", 1));
  clock.Advance(std::chrono::seconds(61));
  EXPECT_FALSE(limiter.Take("b", 1));
  EXPECT_FALSE(limiter.Take("c", 1));
  EXPECT_FALSE(limiter.Take("d", 1));  // forgets a, which is full again
  EXPECT_TRUE(limiter.Take("b", 1));
}

}  // namespace
}  // namespace embudo::capture::logic
