#include "common/rpc/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "common/base/error.h"
#include "common/rpc/test_server.h"

namespace embudo::rpc {
namespace {

using pipeline::v1::GetTagRequest;
using std::chrono::milliseconds;
using type::v1::Tag;

/// A handler that fails a few times and then answers.
TestServer::GetTag FailAtFirst(std::atomic<int>* calls, int failures, absl::StatusCode code) {
  return [calls, failures, code](const CallContext&, const GetTagRequest&) -> absl::StatusOr<Tag> {
    if (++*calls <= failures) return Error(code, "BUSY", "try again");
    return Tag();
  };
}

TEST(ClientTest, CallsAgainWhenTheServerIsUnavailable) {
  std::atomic<int> calls = 0;
  TestServer server(FailAtFirst(&calls, 3, absl::StatusCode::kUnavailable));
  EXPECT_TRUE(server.CallGetTag().ok());
  EXPECT_EQ(calls, 4);
}

TEST(ClientTest, GivesUpAfterFourTimes) {
  std::atomic<int> calls = 0;
  TestServer server(FailAtFirst(&calls, 100, absl::StatusCode::kUnavailable));
  const absl::Status status = server.CallGetTag().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), "BUSY");
  EXPECT_EQ(calls, 4);
}

TEST(ClientTest, CallsAgainForNothingElse) {
  for (const auto code : {absl::StatusCode::kAborted, absl::StatusCode::kResourceExhausted, absl::StatusCode::kInternal,
                          absl::StatusCode::kDeadlineExceeded}) {
    std::atomic<int> calls = 0;
    TestServer server(FailAtFirst(&calls, 1, code));
    EXPECT_EQ(server.CallGetTag().status().code(), code);
    EXPECT_EQ(calls, 1);
  }
}

TEST(ClientTest, WhereNobodyListensItSaysSo) {
  Client client({.target = "127.0.0.1:1", .credentials = DevCredentials()});
  GetTagRequest request;
  const auto tag = client.Call<Tag>(TestServer::kGetTag, {}, request, std::chrono::seconds(20));
  EXPECT_EQ(tag.status().code(), absl::StatusCode::kUnavailable);
}

TEST(ClientTest, AnIdentityThatCannotBeSentIsNobodys) {
  std::string seen;
  TestServer server([&seen](const CallContext& call, const GetTagRequest&) {
    seen = call.tenant();
    return Tag();
  });
  Identity identity = server.admin;
  identity.tenant = "ac\nme\xc3\xbc";
  GetTagRequest request;
  request.set_name("tags/a");
  EXPECT_TRUE(server.client->Call<Tag>(TestServer::kGetTag, identity, request).ok());
  EXPECT_EQ(seen, "ac?me??");
}

TEST(ClientTest, GoingAwayItEndsItsCalls) {
  std::promise<void> entered;
  std::promise<absl::Status> ended;
  TestServer server([&entered](const CallContext& call, const GetTagRequest&) {
    entered.set_value();
    while (!*call.cancelled) std::this_thread::yield();
    return Tag();
  });
  GetTagRequest request;
  request.set_name("tags/a");
  Tag tag;
  server.client->CallAsync(TestServer::kGetTag, server.admin, request, &tag,
                           [&ended](absl::Status status) { ended.set_value(std::move(status)); });
  entered.get_future().wait();
  server.client = nullptr;
  EXPECT_EQ(ended.get_future().get().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace embudo::rpc
