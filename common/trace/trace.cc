#include "common/trace/trace.h"

#include <array>
#include <cstdint>
#include <random>

namespace embudo::trace {
namespace {

constexpr size_t kTraceDigits = 32;
constexpr size_t kSpanDigits = 16;
constexpr size_t kTraceAt = 3;
constexpr size_t kSpanAt = kTraceAt + kTraceDigits + 1;
constexpr size_t kFlagsAt = kSpanAt + kSpanDigits + 1;
constexpr size_t kLength = kFlagsAt + 2;
// Digits whose lowest bit, the sampled flag, is set.
constexpr std::string_view kOdd = "13579bdf";

bool IsHex(std::string_view text) { return text.find_first_not_of("0123456789abcdef") == std::string_view::npos; }
bool IsZero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

std::string RandomHex(size_t digits) {
  // Ids need to be distinct, not secret: one seeded generator per thread is enough.
  thread_local std::mt19937_64 generator{[] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }()};
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(digits);
  while (out.size() < digits) {
    for (uint64_t bits = generator(), i = 0; i < 16 && out.size() < digits; ++i, bits >>= 4) out += kHex[bits & 15];
  }
  if (IsZero(out)) out.back() = '1';
  return out;
}

}  // namespace

std::string Context::ToTraceparent() const { return "00-" + trace_id + '-' + span_id + (sampled ? "-01" : "-00"); }

std::optional<Context> Context::Parse(std::string_view text) {
  if (text.size() < kLength || text[2] != '-' || text[kSpanAt - 1] != '-' || text[kFlagsAt - 1] != '-') {
    return std::nullopt;
  }
  const std::string_view version = text.substr(0, 2);
  const std::string_view trace = text.substr(kTraceAt, kTraceDigits);
  const std::string_view span = text.substr(kSpanAt, kSpanDigits);
  const std::string_view flags = text.substr(kFlagsAt, 2);
  if (!IsHex(version) || !IsHex(trace) || !IsHex(span) || !IsHex(flags)) return std::nullopt;
  if (version == "ff" || IsZero(trace) || IsZero(span)) return std::nullopt;
  const bool longer = text.size() > kLength;
  if (longer && (version == "00" || text[kLength] != '-')) return std::nullopt;
  return Context{std::string(trace), std::string(span), kOdd.find(flags[1]) != std::string_view::npos};
}

Context Context::Child() const { return Context{trace_id, RandomHex(kSpanDigits), sampled}; }

Context Context::New(bool sampled) { return Context{RandomHex(kTraceDigits), RandomHex(kSpanDigits), sampled}; }

std::string NewId() { return RandomHex(kTraceDigits); }

std::string_view TraceIdOf(std::string_view traceparent) {
  return traceparent.size() >= kLength ? traceparent.substr(kTraceAt, kTraceDigits) : std::string_view();
}

}  // namespace embudo::trace
