#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "embudo/type/v1/event.pb.h"

namespace embudo::pipeline::events {

/// An event as the log holds it, shared by all that are sent it: its bytes go out as they are, and it is parsed for the
/// first who has to look into it. Thread-safe.
class LogEvent {
 public:
  /// `data`: the event's bytes as the log holds them, without its place.
  LogEvent(int partition, int64_t position, std::string_view data);

  int partition() const { return partition_; }
  int64_t position() const { return position_; }
  /// Empty if the bytes are no event.
  std::string_view tenant() const { return std::string_view(wire_).substr(tenant_at_, tenant_size_); }
  /// The serialised type.v1.Event, its place included.
  const std::string& wire() const { return wire_; }
  /// What it takes in memory, but for what parsed() gives.
  size_t bytes() const { return sizeof(*this) + wire_.capacity(); }
  /// Kept for those who ask next, until Forget.
  std::shared_ptr<const type::v1::Event> parsed() const;
  bool IsParsed() const { return parsed_.load() != nullptr; }
  /// Lets go of what was parsed, which takes several times what the bytes do.
  void Forget() const { parsed_.store(nullptr); }

 private:
  const int partition_;
  const int64_t position_;
  std::string wire_;
  size_t tenant_at_ = 0;
  size_t tenant_size_ = 0;
  mutable std::atomic<std::shared_ptr<const type::v1::Event>> parsed_;
};

/// A place of the log, as a reader of one tenant is given it.
struct LogItem {
  int partition = 0;
  int64_t position = 0;
  /// nullptr: there is nothing of the reader's tenant since the item before of this partition, up to this place.
  std::shared_ptr<const LogEvent> event;
};

/// Adds a place, which may stand for those before it where they hold nothing either.
void AddItem(std::vector<LogItem>* items, LogItem item);

}  // namespace embudo::pipeline::events
