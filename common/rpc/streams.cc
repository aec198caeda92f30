#include "common/rpc/streams.h"

#include <algorithm>

namespace embudo::rpc {

void Streams::Add(const std::shared_ptr<Drainable>& stream) {
  {
    std::lock_guard lock(mutex_);
    if (streams_.size() >= sweep_at_) {
      std::erase_if(streams_, [](const auto& other) { return other.expired(); });
      sweep_at_ = std::max<size_t>(64, 2 * streams_.size());
    }
    streams_.push_back(stream);
    if (!draining_) return;
  }
  stream->Drain();
}

void Streams::Drain() {
  std::vector<std::weak_ptr<Drainable>> running;
  {
    std::lock_guard lock(mutex_);
    draining_ = true;
    running = streams_;
  }
  for (const auto& weak : running) {
    if (auto stream = weak.lock()) stream->Drain();
  }
}

void Streams::End(const std::string& tenant, const absl::Status& why) {
  std::vector<std::weak_ptr<Drainable>> running;
  {
    std::lock_guard lock(mutex_);
    running = streams_;
  }
  for (const auto& weak : running) {
    const auto stream = weak.lock();
    if (stream && stream->tenant() == tenant) stream->End(why);
  }
}

}  // namespace embudo::rpc
