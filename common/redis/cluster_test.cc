#include "common/redis/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/base/error.h"
#include "common/testing/redis.h"
#include "common/testing/redis_cluster.h"

namespace embudo::redis {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::RedisCluster;

TEST(SlotTest, SlotsAreThoseOfTheSpecification) {
  // The check value of CRC-16/XMODEM, and what CLUSTER KEYSLOT answers.
  EXPECT_EQ(SlotOf("123456789"), 0x31C3);
  EXPECT_EQ(SlotOf("foo"), 12182);
  EXPECT_EQ(SlotOf("{foo}.bar"), 12182);
  EXPECT_EQ(SlotOf("x{foo}{bar}"), 12182);
  EXPECT_EQ(SlotOf("{}foo"), SlotOf("{}foo"));
  EXPECT_NE(SlotOf("{}foo"), SlotOf(""));
}

std::string Stream(int i) { return "embudo:events:1:" + std::to_string(i); }

class ClusterTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { cluster_ = std::make_unique<RedisCluster>(); }
  static void TearDownTestSuite() { cluster_ = nullptr; }

  void SetUp() override {
    cluster_->FlushAll();
    auto connection = Connection::Open(cluster_->address(), seconds(5));
    ASSERT_TRUE(connection.ok()) << connection.status();
    connection_ = *std::move(connection);
  }

  Reply Do(const Connection::Args& args) {
    auto reply = connection_->Command(args);
    EXPECT_TRUE(reply.ok()) << reply.status();
    EXPECT_FALSE(reply.ok() && reply->is_error()) << reply->text();
    return *reply;
  }
  /// XREAD of `streams` streams from their beginning.
  Reply ReadAll(int streams, std::string_view block = "0") {
    std::vector<std::string> keys;
    for (int i = 0; i < streams; ++i) keys.push_back(Stream(i));
    Connection::Args args = {"XREAD", "COUNT", "10"};
    if (block != "0") args.insert(args.end(), {"BLOCK", block});
    args.push_back("STREAMS");
    args.insert(args.end(), keys.begin(), keys.end());
    args.insert(args.end(), keys.size(), "0-0");
    return Do(args);
  }

  static std::unique_ptr<RedisCluster> cluster_;
  std::unique_ptr<Connection> connection_;
};
std::unique_ptr<RedisCluster> ClusterTest::cluster_;

TEST_F(ClusterTest, CommandsGoWhereTheirKeysAreAndAnswersComeInOrder) {
  constexpr int kStreams = 16;
  for (int i = 0; i < kStreams; ++i) {
    const std::string key = Stream(i);
    for (const char* id : {"1-0", "2-0"}) connection_->Append({"XADD", key, id, "e", key});
  }
  for (int i = 0; i < kStreams; ++i) {
    for (const char* id : {"1-0", "2-0"}) {
      const auto reply = connection_->Next();
      ASSERT_TRUE(reply.ok()) << reply.status();
      EXPECT_EQ(reply->text(), id);
    }
  }
  for (int node = 0; node < RedisCluster::kNodes; ++node) {
    EXPECT_NE(cluster_->Command(node, {"DBSIZE"}), "0") << "node " << node << " carries no stream";
  }
  const Reply streams = ReadAll(kStreams);
  std::set<std::string> keys;
  for (size_t i = 0; i < streams.size(); ++i) {
    keys.emplace(streams[i][0].text());
    EXPECT_EQ(streams[i][1].size(), 2u);
    EXPECT_EQ(streams[i][1][0][1][1].text(), streams[i][0].text());
  }
  EXPECT_EQ(keys.size(), kStreams);
}

TEST_F(ClusterTest, AnErrorIsAReplyAndEndsNothing) {
  Do({"XADD", Stream(0), "5-0", "e", "x"});
  const auto reply = connection_->Command({"XADD", Stream(0), "5-0", "e", "x"});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_THAT(std::string(reply->text()), ::testing::HasSubstr("equal or smaller"));
  EXPECT_EQ(Do({"XLEN", Stream(0)}).integer(), 1);
}

TEST_F(ClusterTest, ABlockingReadEndsEmptyOrWithWhatComes) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(ReadAll(6, "100").size(), 0u);
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(100));
  auto other = *Connection::Open(cluster_->address(), seconds(5));
  ASSERT_TRUE(other->Command({"XADD", Stream(5), "7-0", "e", "x"}).ok());
  const Reply streams = ReadAll(6, "5000");
  ASSERT_EQ(streams.size(), 1u);
  EXPECT_EQ(streams[0][1][0][0].text(), "7-0");
}

TEST_F(ClusterTest, ASlotThatMovesIsFollowed) {
  Do({"XADD", Stream(3), "1-0", "e", "x"});
  const int from = cluster_->Move(Stream(3));
  EXPECT_EQ(Do({"XADD", Stream(3), "2-0", "e", "x"}).text(), "2-0");
  EXPECT_EQ(Do({"XLEN", Stream(3)}).integer(), 2);
  EXPECT_EQ(cluster_->Command(from, {"CLUSTER", "COUNTKEYSINSLOT", std::to_string(SlotOf(Stream(3)))}), "0");
}

TEST(PasswordTest, ConnectionsAuthenticate) {
  testing::Redis redis;
  redis.Command({"CONFIG", "SET", "requirepass", "sesame"});
  auto connection = *Connection::Open(redis.address(), seconds(5));
  EXPECT_TRUE(connection->Command({"PING"})->text().starts_with("NOAUTH"));
  UsePassword("wrong");
  EXPECT_EQ(ReasonOf(Connection::Open(redis.address(), seconds(5)).status()), "REDIS_UNAVAILABLE");
  UsePassword("sesame");
  connection = *Connection::Open(redis.address(), seconds(5));
  EXPECT_EQ(connection->Command({"PING"})->text(), "PONG");
  UsePassword("");
}

TEST(ClusterOpenTest, NoNodeThereIsUnavailable) {
  const auto connection = Connection::Open("cluster:127.0.0.1:1,127.0.0.1:2", seconds(1));
  EXPECT_TRUE(absl::IsUnavailable(connection.status())) << connection.status();
  EXPECT_EQ(ReasonOf(connection.status()), "REDIS_UNAVAILABLE");
}

}  // namespace
}  // namespace embudo::redis
