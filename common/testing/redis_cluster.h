#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/testing/process.h"
#include "common/testing/temp_dir.h"

namespace embudo::testing {

/// A Redis Cluster of the test's own: three primaries on this machine.
class RedisCluster {
 public:
  static constexpr int kNodes = 3;

  /// Starts it; a test failure if it does not come up.
  RedisCluster();

  /// What EMBUDO_REDIS and --redis take.
  std::string address() const;
  void FlushAll();
  /// Gives the slot of a key, with what is in it, to another node. Returns the node that had it.
  int Move(const std::string& key);
  /// One command to one node, its raw answer without the line end.
  std::string Command(int node, std::vector<std::string> arguments);

 private:
  void Start();

  TempDir dir_;
  std::vector<int> ports_;
  std::vector<std::unique_ptr<Process>> nodes_;
};

}  // namespace embudo::testing
