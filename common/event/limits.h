#pragma once

#include <cstddef>

namespace embudo::event {

/// The largest event, in bytes of its serialised form, with its place.
inline constexpr size_t kLargestEvent = 256 << 10;
/// The largest answer that holds events.
inline constexpr size_t kLargestResponse = 1 << 20;
/// What is left of an answer for all else in it: the cursor, and each event's place in the message.
inline constexpr size_t kLargestEvents = kLargestResponse - (32 << 10);

}  // namespace embudo::event
