#include "common/testing/process.h"

#include <fstream>

#include "common/testing/manual_clock.h"
#include "common/testing/redis.h"
#include "common/testing/temp_dir.h"
#include "gtest/gtest.h"

namespace embudo::testing {
namespace {

Process::Options Shell(const TempDir& dir, const std::string& script) {
  Process::Options options;
  options.command = {"sh", "-c", script};
  options.output = dir.path() / "output";
  return options;
}

TEST(ProcessTest, TellsExitCodeOutputAndEnvironment) {
  const TempDir dir;
  Process::Options options = Shell(dir, "echo out $COLOUR; echo err >&2; exit 7");
  options.environment = {{"COLOUR", "green"}};
  const auto process = Process::Start(options);
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ((*process)->WaitExit(), 7);
  EXPECT_EQ((*process)->Output(), "out green\nerr\n");
}

TEST(ProcessTest, EndsByTheSignalItIsSent) {
  const TempDir dir;
  const auto polite = Process::Start(Shell(dir, "trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done"));
  ASSERT_TRUE((*polite)->WaitForOutput("up"));
  EXPECT_TRUE((*polite)->Running());
  EXPECT_EQ((*polite)->Terminate(), 3);

  const auto killed = Process::Start(Shell(dir, "sleep 1000"));
  (*killed)->Kill();
  EXPECT_EQ((*killed)->WaitExit(), 128 + SIGKILL);
}

TEST(ProcessTest, AProgramThatIsNotThereIsNotFound) {
  const TempDir dir;
  Process::Options options = Shell(dir, "");
  options.command = {"/no/such/program"};
  EXPECT_EQ(Process::Start(options).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(RunProgram({"false"}).ok());
  EXPECT_EQ(RunProgram({"echo", "hello"}).value(), "hello\n");
}

TEST(ProcessTest, DoesNotOutliveAKilledParent) {
  const TempDir dir;
  const std::string pid_file = dir.path() / "pid";
  // The parent is a process of its own, in which the child is started as a test does it.
  const pid_t parent = fork();
  if (parent == 0) {
    const auto child = Process::Start(
        Shell(dir, "echo $$ >" + pid_file + ".new; mv " + pid_file + ".new " + pid_file + "; sleep 1000"));
    Eventually([&] { return std::filesystem::exists(pid_file); });
    raise(SIGKILL);
  }
  ASSERT_TRUE(Eventually([&] { return std::filesystem::exists(pid_file); }));
  pid_t child = 0;
  std::ifstream(pid_file) >> child;
  ASSERT_GT(child, 1);
  // Gone, or a zombie that nobody has waited for yet.
  EXPECT_TRUE(Eventually([&] {
    std::ifstream status("/proc/" + std::to_string(child) + "/stat");
    std::string pid, name, state;
    return !(status >> pid >> name >> state) || state == "Z";
  }));
}

TEST(RedisTest, KeepsItsDataOverAKillButNotOverFlushAll) {
  Redis redis;
  EXPECT_EQ(redis.Command({"SET", "a", "1"}), "OK");
  redis.Command({"BGREWRITEAOF"});
  redis.Kill();
  EXPECT_EQ(redis.Command({"GET", "a"}), "");
  redis.Start();
  EXPECT_EQ(redis.Command({"GET", "a"}), "1");
  redis.FlushAll();
  EXPECT_EQ(redis.Command({"EXISTS", "a"}), "0");
  EXPECT_EQ(redis.Command({"SET", "a", "1"}), "OK");
  redis.Kill();
  redis.Wipe();
  redis.Start();
  EXPECT_EQ(redis.Command({"DBSIZE"}), "0");
}

TEST(ManualClockTest, StandsStillUntilTold) {
  ManualClock clock;
  EXPECT_EQ(FormatTime(clock.Now()), "2026-06-15T09:00:00.000000Z");
  clock.Advance(std::chrono::days(21));
  EXPECT_EQ(FormatTime(clock.Now()), "2026-07-06T09:00:00.000000Z");
  clock.Set(FromTimestamp({}));
  EXPECT_EQ(FormatTime(clock.Now()), "1970-01-01T00:00:00.000000Z");
}

TEST(EventuallyTest, GivesUpWhenTheTimeIsUp) {
  int asked = 0;
  EXPECT_TRUE(Eventually([&] { return ++asked == 3; }));
  EXPECT_FALSE(Eventually([] { return false; }, std::chrono::milliseconds(5)));
}

}  // namespace
}  // namespace embudo::testing
