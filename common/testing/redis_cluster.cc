#include "common/testing/redis_cluster.h"

#include <random>

#include "gtest/gtest.h"

namespace embudo::testing {
namespace {

std::string HostOf(int port) { return "127.0.0.1:" + std::to_string(port); }

}  // namespace

RedisCluster::RedisCluster() { Start(); }

void RedisCluster::Start() {
  // The nodes must be told their ports before they are known to be free, and take a second one each.
  std::random_device random;
  const int base = std::uniform_int_distribution<int>(20000, 29000)(random);
  std::vector<std::string> create = {"redis-cli", "--cluster", "create"};
  for (int i = 0; i < kNodes; ++i) {
    const int port = ports_.emplace_back(base + 2 * i);
    const auto dir = dir_.path() / std::to_string(port);
    std::filesystem::create_directory(dir);
    Process::Options options;
    options.command = {"redis-server",
                       "--port",
                       std::to_string(port),
                       "--bind",
                       "127.0.0.1",
                       "--cluster-enabled",
                       "yes",
                       "--cluster-port",
                       std::to_string(port + 1),
                       "--dir",
                       dir,
                       "--save",
                       "",
                       "--appendonly",
                       "no",
                       "--enable-debug-command",
                       "local"};
    options.output = dir / "output";
    auto process = Process::Start(std::move(options));
    ASSERT_TRUE(process.ok()) << process.status();
    nodes_.push_back(std::move(process).value());
    ASSERT_TRUE(Eventually([&] { return Command(i, {"PING"}) == "PONG"; })) << nodes_.back()->Output();
    create.push_back(HostOf(port));
  }
  create.emplace_back("--cluster-yes");
  const auto made = RunProgram(create);
  ASSERT_TRUE(made.ok()) << made.status();
  for (int i = 0; i < kNodes; ++i) {
    ASSERT_TRUE(Eventually([&] {
      return Command(i, {"CLUSTER", "INFO"}).find("cluster_state:ok") != std::string::npos;
    }));
  }
}

std::string RedisCluster::address() const { return "cluster:" + HostOf(ports_[0]) + "," + HostOf(ports_[1]); }

void RedisCluster::FlushAll() {
  for (int i = 0; i < kNodes; ++i) EXPECT_EQ(Command(i, {"FLUSHALL"}), "OK");
}

int RedisCluster::Move(const std::string& key) {
  const std::string slot = Command(0, {"CLUSTER", "KEYSLOT", key});
  int from = 0;
  while (Command(from, {"CLUSTER", "COUNTKEYSINSLOT", slot}) != "1") EXPECT_LT(++from, kNodes);
  const int to = (from + 1) % kNodes;
  const std::string from_id = Command(from, {"CLUSTER", "MYID"});
  const std::string to_id = Command(to, {"CLUSTER", "MYID"});
  EXPECT_EQ(Command(to, {"CLUSTER", "SETSLOT", slot, "IMPORTING", from_id}), "OK");
  EXPECT_EQ(Command(from, {"CLUSTER", "SETSLOT", slot, "MIGRATING", to_id}), "OK");
  EXPECT_EQ(Command(from, {"MIGRATE", "127.0.0.1", std::to_string(ports_[static_cast<size_t>(to)]), key, "0", "5000"}),
            "OK");
  for (const int node : {to, from, 3 - from - to}) {
    EXPECT_EQ(Command(node, {"CLUSTER", "SETSLOT", slot, "NODE", to_id}), "OK");
  }
  return from;
}

std::string RedisCluster::Command(int node, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"redis-cli", "-p", std::to_string(ports_[static_cast<size_t>(node)])});
  const auto answer = RunProgram(std::move(arguments));
  if (!answer.ok()) return "";
  return answer->substr(0, answer->find_last_not_of("\r\n") + 1);
}

}  // namespace embudo::testing
