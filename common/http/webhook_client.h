#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"

namespace embudo::http {

/// Sends signed webhooks, many at once, from one thread: begin calls, then ask for those that have ended.
class WebhookClient {
 public:
  struct Options {
    /// Whether addresses of private networks are allowed. A host name is looked at when it is resolved.
    bool private_targets = false;
    std::chrono::milliseconds timeout{30000};
  };
  /// What is sent.
  struct Call {
    /// How the caller knows it again; none other that is under way has it.
    std::string tag;
    /// `webhook-id`
    std::string id;
    std::string uri;
    std::string content_type;
    std::string body;
    std::vector<std::string> secrets;
  };
  /// What came of it.
  struct Outcome {
    std::string tag;
    /// HTTP status; 0: there was no answer.
    int status = 0;
    /// Why there was none, or the beginning of an answer that was not 2xx.
    std::string error;
    std::chrono::milliseconds duration{0};
    /// The target asks for this pause.
    std::optional<std::chrono::milliseconds> retry_after;
  };

  explicit WebhookClient(Options options);
  /// Breaks off what is under way.
  ~WebhookClient();

  /// `now` is the time that the call bears.
  void Begin(Call call, Time now);
  /// Waits, `longest` at most, for something to happen, and returns the calls that have ended.
  std::vector<Outcome> Await(std::chrono::milliseconds longest);
  /// Breaks a call off; it has no outcome.
  void Cancel(const std::string& tag);
  /// Makes Await return. From any thread.
  void Wake();

  size_t under_way() const { return attempts_.size(); }

 private:
  struct Attempt;

  const Options options_;
  void* multi_;                                         ///< CURLM
  std::map<void*, std::unique_ptr<Attempt>> attempts_;  ///< by CURL
};

}  // namespace embudo::http
