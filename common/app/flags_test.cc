#include "common/app/flags.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace embudo::app {
namespace {

std::variant<Config, int> Parse(const std::string& service, std::vector<std::string> flags,
                                const std::vector<Option>& options = {}) {
  std::vector<char*> argv = {const_cast<char*>("program")};
  for (std::string& flag : flags) argv.push_back(flag.data());
  return ParseFlags(service, options, static_cast<int>(argv.size()), argv.data());
}

Config Good(const std::string& service, std::vector<std::string> flags, const std::vector<Option>& options = {}) {
  auto parsed = Parse(service, std::move(flags), options);
  EXPECT_TRUE(std::holds_alternative<Config>(parsed));
  return std::get<Config>(std::move(parsed));
}

/// Sets an environment variable as long as it lives.
struct Variable {
  Variable(const char* variable, const char* value) : name(variable) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name); }
  const char* name;
};

TEST(FlagsTest, EveryServiceHasItsPorts) {
  EXPECT_EQ(Good("pipeline", {}).listen, "127.0.0.1:7001");
  EXPECT_EQ(Good("reporting", {}).listen, "127.0.0.1:7005");
  EXPECT_EQ(Good("reporting", {}).metrics_listen, "127.0.0.1:7105");
  EXPECT_EQ(Good("scoring", {}).pipeline_target, "127.0.0.1:7001");
  EXPECT_EQ(Good("all_in_one", {}).pipeline_target, "");
}

TEST(FlagsTest, AFlagHoldsAgainstTheEnvironment) {
  const Variable listen("EMBUDO_CAPTURE_LISTEN", "127.0.0.1:1");
  const Variable postgres("EMBUDO_POSTGRES", "host=/tmp");
  const Config config = Good("capture", {"--listen", "127.0.0.1:2", "--threads=3"});
  EXPECT_EQ(config.listen, "127.0.0.1:2");
  EXPECT_EQ(config.postgres, "host=/tmp");
  EXPECT_EQ(config.threads, 3);
  EXPECT_EQ(Good("capture", {}).listen, "127.0.0.1:1");
  EXPECT_EQ(Good("scoring", {}).listen, "127.0.0.1:7003") << "another service's variable";
}

TEST(FlagsTest, SwitchesGoOnAndOff) {
  EXPECT_FALSE(Good("pipeline", {}).dev_identity);
  EXPECT_TRUE(Good("pipeline", {"--dev-identity"}).dev_identity);
  EXPECT_TRUE(Good("pipeline", {}).reflection);
  EXPECT_FALSE(Good("pipeline", {"--no-reflection"}).reflection);
  const Variable reflection("EMBUDO_REFLECTION", "false");
  EXPECT_FALSE(Good("pipeline", {}).reflection);
}

TEST(FlagsTest, AServiceMayHaveFlagsOfItsOwn) {
  const std::vector<Option> options = {{"http-listen", "Forms", "127.0.0.1:7012"}, {"domain", "Mail", ""}};
  const Variable domain("EMBUDO_CAPTURE_DOMAIN", "acme.example");
  const Config config = Good("capture", {"--http-listen=127.0.0.1:0"}, options);
  EXPECT_EQ(config.options.at("http-listen"), "127.0.0.1:0");
  EXPECT_EQ(config.options.at("domain"), "acme.example");
  EXPECT_EQ(Good("capture", {}, options).options.at("http-listen"), "127.0.0.1:7012");
}

TEST(FlagsTest, WrongFlagsEndTheProcess) {
  testing::internal::CaptureStderr();
  for (const char* flag : {"--nothing", "--threads=0", "--threads=many", "--log-level=loud", "--drain-grace-ms=-1"}) {
    auto parsed = Parse("pipeline", {flag});
    ASSERT_TRUE(std::holds_alternative<int>(parsed)) << flag;
    EXPECT_NE(std::get<int>(parsed), 0) << flag;
  }
  testing::internal::GetCapturedStderr();
}

TEST(FlagsTest, HelpNamesEveryVariable) {
  testing::internal::CaptureStdout();
  auto parsed = Parse("pipeline", {"--help"});
  const std::string help = testing::internal::GetCapturedStdout();
  ASSERT_TRUE(std::holds_alternative<int>(parsed));
  EXPECT_EQ(std::get<int>(parsed), 0);
  for (const char* text : {"--listen", "EMBUDO_PIPELINE_LISTEN", "--postgres", "EMBUDO_POSTGRES", "--dev-identity"}) {
    EXPECT_NE(help.find(text), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace embudo::app
