#include "services/pipeline/logic/rank.h"

#include <cstdint>
#include <cstdio>

#include "common/base/ids.h"

namespace embudo::pipeline::logic {
namespace {

constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr int kBase = 36;
constexpr int kHexDigits = 16;
/// The largest number of 13 hexadecimal digits: microseconds until the year 2112.
constexpr int64_t kLatest = 4'503'599'627'370'495;
/// At the end of a column ranks are counted on in so many digits, so that they stay as short however many follow.
constexpr size_t kCounted = 8;

int ValueOf(char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; }

/// Three digits that tell a lead from another, the last of them from 'g' on.
std::string SuffixOf(std::string_view lead_id) {
  uint32_t hash = Crc32c(lead_id);
  std::string suffix;
  for (int i = 0; i < 2; ++i, hash /= kBase) suffix += kDigits[hash % kBase];
  return suffix + kDigits[kHexDigits + hash % (kBase - kHexDigits)];
}

/// The next number of the leading digits; empty if there is none.
std::string CountOn(std::string_view rank) {
  std::string next(rank.substr(0, kCounted));
  next.resize(kCounted, '0');
  for (size_t i = kCounted; i-- > 0;) {
    const int value = ValueOf(next[i]) + 1;
    next[i] = kDigits[static_cast<size_t>(value % kBase)];
    if (value < kBase) return next;
  }
  return "";
}

}  // namespace

std::string FreshRank(Time time, std::string_view lead_id) {
  char text[17];
  std::snprintf(text, sizeof text, "%013llx",
                static_cast<unsigned long long>(kLatest - time.time_since_epoch().count()));
  return text + std::string(lead_id.substr(lead_id.size() - 4));
}

std::optional<std::string> RankBetween(std::string_view after, std::string_view before, std::string_view lead_id) {
  if (before.empty() && !after.empty()) {
    std::string next = CountOn(after);
    if (!next.empty()) return next + SuffixOf(lead_id);
  }
  // The two as fractions of 36, digit by digit: what they share, then one in the middle of where they differ.
  std::string rank;
  bool bounded = !before.empty();
  for (size_t i = 0;; ++i) {
    if (bounded && i >= before.size()) return std::nullopt;
    const int low = i < after.size() ? ValueOf(after[i]) : 0;
    const int high = bounded ? ValueOf(before[i]) : kBase;
    if (high < low) return std::nullopt;
    if (high - low > 1) return rank + kDigits[static_cast<size_t>((low + high) / 2)] + SuffixOf(lead_id);
    rank += kDigits[static_cast<size_t>(low)];
    if (high > low) bounded = false;
  }
}

}  // namespace embudo::pipeline::logic
