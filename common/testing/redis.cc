#include "common/testing/redis.h"

#include "gtest/gtest.h"

namespace embudo::testing {

Redis::Redis() : socket_(dir_.path() / "redis.sock") { Start(); }

void Redis::Start() {
  Process::Options options;
  options.command = {EMBUDO_SOURCE_DIR "/tools/lib/server", "redis", "run", dir_.path()};
  options.output = dir_.path() / "output";
  auto process = Process::Start(std::move(options));
  ASSERT_TRUE(process.ok()) << process.status();
  process_ = std::move(process).value();
  ASSERT_TRUE(Eventually([this] { return Command({"PING"}) == "PONG"; })) << process_->Output();
}

void Redis::FlushAll() { EXPECT_EQ(Command({"FLUSHALL"}), "OK"); }

void Redis::Kill() { process_->Kill(); }

void Redis::Wipe() {
  ASSERT_FALSE(process_->Running());
  std::filesystem::remove_all(dir_.path() / "appendonlydir");
}

std::string Redis::Command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"redis-cli", "-s", socket_});
  const auto answer = RunProgram(std::move(arguments));
  if (!answer.ok()) return "";
  return answer->substr(0, answer->find_last_not_of('\n') + 1);
}

}  // namespace embudo::testing
