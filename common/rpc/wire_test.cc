#include "common/rpc/wire.h"

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace embudo::rpc {
namespace {

google::rpc::ErrorInfo InfoOf(const absl::Status& status) {
  google::rpc::ErrorInfo info;
  const google::rpc::Status rpc_status = ToRpcStatus(status);
  for (const auto& detail : rpc_status.details()) {
    if (detail.UnpackTo(&info)) break;
  }
  return info;
}

/// What a client makes of a status.
absl::Status Cross(const absl::Status& status) { return FromWire(ToWire(status, "call-1", "error-1")); }

TEST(WireTest, DetailsCross) {
  const absl::Status status = Cross(StaleEtag("leads/a"));
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(status), "STALE_ETAG");
  EXPECT_EQ(InfoOf(status).metadata().at("resource"), "leads/a");
  EXPECT_EQ(InfoOf(status).metadata().at("call_id"), "call-1");
  EXPECT_EQ(InfoOf(status).metadata().count("details_cut"), 0U);
}

TEST(WireTest, AnErrorWithoutDetailsGetsAReason) {
  const absl::Status status = Cross(absl::DeadlineExceededError("too late"));
  EXPECT_EQ(ReasonOf(status), "DEADLINE_EXCEEDED");
  EXPECT_EQ(MessageOf(status), "too late");
}

TEST(WireTest, InternalErrorsTellNothingButAnId) {
  for (const absl::Status& inner : {Internal("select * from secret"), absl::UnknownError("select * from secret")}) {
    const grpc::Status wire = ToWire(inner, "call-1", "error-1");
    EXPECT_EQ(wire.error_message(), "internal error error-1");
    EXPECT_EQ(wire.error_details().find("secret"), std::string::npos);
    EXPECT_EQ(InfoOf(FromWire(wire)).metadata().at("error_id"), "error-1");
  }
}

TEST(WireTest, TheWorstErrorStaysInTheBudget) {
  const std::string wide(100000, 'x');
  Error error(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", wide);
  for (int i = 0; i < 100; ++i) {
    error.Field(wide + std::to_string(i), wide).Meta("key" + std::to_string(i), wide).Violation(wide, wide, wide);
  }
  error.Resource(wide, wide).RetryAfter(std::chrono::seconds(1));
  const grpc::Status wire = ToWire(error, std::string(64, 'c'), "");
  EXPECT_LE(wire.error_message().size(), kMaxMessageBytes);
  EXPECT_LE(wire.error_details().size(), kMaxDetailBytes);
  const absl::Status status = FromWire(wire);
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELD");
  EXPECT_EQ(InfoOf(status).metadata().at("details_cut"), "true");
}

TEST(WireTest, ManyViolationsAreCutFromTheEnd) {
  Error error(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", "wrong");
  for (int i = 0; i < 20; ++i) error.Field("field" + std::to_string(i), std::string(230, 'd'));
  const google::rpc::Status status = ToRpcStatus(Cross(error));
  google::rpc::BadRequest bad_request;
  ASSERT_TRUE(status.details(1).UnpackTo(&bad_request));
  EXPECT_EQ(bad_request.field_violations(0).field(), "field0");
  EXPECT_GE(bad_request.field_violations_size(), 10);
  EXPECT_LT(bad_request.field_violations_size(), 20);
}

TEST(WireTest, TextIsCutBetweenCharacters) {
  std::string umlauts;
  for (int i = 0; i < 1000; ++i) umlauts += "ü";
  const std::string message = ToWire(absl::NotFoundError(umlauts), "", "").error_message();
  EXPECT_LE(message.size(), kMaxMessageBytes);
  EXPECT_EQ(message.substr(message.size() - 5), "ü…");
}

}  // namespace
}  // namespace embudo::rpc
