#include "tools/cli/shell_command.h"

#include <gtest/gtest.h>

namespace embudo::cli {
namespace {

int ExitCode(const std::string& command, const std::string& input) {
  const absl::StatusOr<int> code = RunShellCommand(command, input);
  EXPECT_TRUE(code.ok()) << code.status();
  return code.value_or(-1);
}

TEST(ShellCommandTest, TellsTheExitCode) {
  EXPECT_EQ(ExitCode("true", ""), 0);
  EXPECT_EQ(ExitCode("exit 75", ""), 75);
  EXPECT_EQ(ExitCode("kill -KILL $$", ""), 128 + 9);
  EXPECT_EQ(ExitCode("/no/such/program 2>/dev/null", ""), 127);
}

TEST(ShellCommandTest, GivesTheInput) { EXPECT_EQ(ExitCode("test \"$(cat)\" = 'an event'", "an event\n"), 0); }

TEST(ShellCommandTest, TheCommandNeedNotReadIt) { EXPECT_EQ(ExitCode("exit 3", std::string(1 << 20, 'x')), 3); }

}  // namespace
}  // namespace embudo::cli
