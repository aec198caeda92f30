#include "common/rpc/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/rpc/test_server.h"

namespace embudo::rpc {
namespace {

using pipeline::v1::GetTagRequest;
using type::v1::Tag;

absl::StatusOr<Tag> Echo(const CallContext&, const GetTagRequest& request) {
  Tag tag;
  tag.set_name(request.name());
  return tag;
}

TEST(ServerTest, AnswersACall) {
  TestServer server(Echo);
  const auto tag = server.CallGetTag("tags/warm");
  ASSERT_TRUE(tag.ok()) << tag.status();
  EXPECT_EQ(tag->name(), "tags/warm");
}

}  // namespace
}  // namespace embudo::rpc
