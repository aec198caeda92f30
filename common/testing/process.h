#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/testing/eventually.h"

namespace embudo::testing {

/// A program that a test runs: its output goes to a file, it is known by its pid alone, and it does not outlive the
/// test, even one that is killed. Start it on a thread that stays: it dies with that thread.
class Process {
 public:
  struct Options {
    std::vector<std::string> command;                ///< the program (a path, or looked up in PATH) and its arguments
    std::map<std::string, std::string> environment;  ///< on top of the test's own
    std::filesystem::path output;                    ///< where stdout and stderr go, appended
    int death_signal = SIGKILL;                      ///< what it gets when the test dies
  };

  /// NOT_FOUND if the program is not there.
  static absl::StatusOr<std::unique_ptr<Process>> Start(Options options);
  /// Kills it if it still runs, and waits.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool Running() { return !exited(); }
  void Signal(int signal);
  /// The exit code, or 128 + the signal that ended it; nullopt if it still runs when the time is up.
  std::optional<int> WaitExit(std::chrono::milliseconds patience = kPatience);
  /// SIGKILL, and waits.
  void Kill();
  /// SIGTERM, and waits for the exit code.
  std::optional<int> Terminate(std::chrono::milliseconds patience = kPatience);

  /// All that it has written so far (with what an earlier process wrote to the same file).
  std::string Output() const;
  /// Whether `text` is in what it wrote; false when the time is up or the process ends without it.
  bool WaitForOutput(std::string_view text, std::chrono::milliseconds patience = kPatience);

 private:
  Process(pid_t pid, std::filesystem::path output) : pid_(pid), output_(std::move(output)) {}
  bool exited();

  const pid_t pid_;
  const std::filesystem::path output_;
  std::optional<int> exit_code_;
};

/// Runs a program to its end and returns its output; an error if it fails.
absl::StatusOr<std::string> RunProgram(std::vector<std::string> command,
                                       std::map<std::string, std::string> environment = {});

}  // namespace embudo::testing
