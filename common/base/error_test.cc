#include "common/base/error.h"

#include <gtest/gtest.h>

namespace embudo {
namespace {

TEST(ErrorTest, QuotesOnlyText) {
  const absl::Status status = Error(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", "no \xff")
                                  .Meta("given", "Gr\xc3\xbc\xc3")
                                  .Field("a\x80", "b\xe2\x82")
                                  .ToStatus();
  EXPECT_EQ(MessageOf(status), "no ?");
  const google::rpc::Status details = ToRpcStatus(status);
  google::rpc::ErrorInfo info;
  google::rpc::BadRequest request;
  ASSERT_TRUE(details.details(0).UnpackTo(&info) && details.details(1).UnpackTo(&request));
  EXPECT_EQ(info.metadata().at("given"), "Gr\xc3\xbc?");
  EXPECT_EQ(request.field_violations(0).field(), "a?");
  EXPECT_EQ(request.field_violations(0).description(), "b??");
}

TEST(ErrorTest, LeavesTextAsItIs) {
  const absl::Status status = NotFound("embudo.dev/Lead", "leads/größe €");
  EXPECT_EQ(MessageOf(status), "there is no leads/größe €");
  EXPECT_EQ(ReasonOf(status), "RESOURCE_NOT_FOUND");
}

}  // namespace
}  // namespace embudo
