#pragma once

#include <memory>
#include <string>

#include "common/testing/process.h"
#include "common/testing/temp_dir.h"

namespace embudo::testing {

/// A Redis of the test's own, on a unix socket. It keeps its data over Restart.
class Redis {
 public:
  /// Starts it; a test failure if it does not answer.
  Redis();

  /// What EMBUDO_REDIS and --redis take.
  const std::string& address() const { return socket_; }

  /// Empties it.
  void FlushAll();
  /// SIGKILL.
  void Kill();
  /// Starts it again, and waits until it answers.
  void Start();
  /// Forgets what is on disk; only while it does not run.
  void Wipe();
  /// One command through redis-cli, its raw answer without the line end.
  std::string Command(std::vector<std::string> arguments);

 private:
  TempDir dir_;
  std::string socket_;
  std::unique_ptr<Process> process_;
};

}  // namespace embudo::testing
