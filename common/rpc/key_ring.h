#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/rpc/jose.h"

namespace embudo::rpc {

/// One JWKS, as a file's path or an http(s) URL, and the issuer that signs with its keys (empty: any).
struct KeySource {
  std::string location;
  std::string issuer;
};

/// Public keys of several sources, read in the background: at first, every `refresh`, and when asked to. Thread-safe.
class KeyRing {
 public:
  struct Entry {
    PublicKey key;
    std::string issuer;
  };
  using Keys = std::vector<Entry>;
  using Duration = std::chrono::milliseconds;

  /// Reads all sources once before it returns. One that cannot be read then is tried again every `soonest`.
  KeyRing(const std::vector<KeySource>& sources, Duration refresh, Duration soonest);
  ~KeyRing();

  /// The keys of this moment. A new object whenever a key set has changed.
  std::shared_ptr<const Keys> keys() const;
  /// Whether every source has been read at least once.
  bool complete() const;
  /// Asks for a new reading, since a key is missing; `soonest` lies between two readings at least.
  void Refresh();

 private:
  struct Source {
    KeySource from;
    /// The last good reading.
    std::string text;
    std::vector<PublicKey> keys;
  };

  void Run();
  void ReadAll();
  /// Whether there are other keys than before.
  static bool Read(Source* source);

  const Duration refresh_;
  const Duration soonest_;
  std::vector<Source> sources_;  // the constructor's, then the thread's
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<const Keys> keys_ = std::make_shared<Keys>();
  bool complete_ = false;
  bool wanted_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace embudo::rpc
