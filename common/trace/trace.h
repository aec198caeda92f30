#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace embudo::trace {

/// A place in a distributed trace, as W3C Trace Context writes it (https://www.w3.org/TR/trace-context/, version 00):
/// lower-case hex, 32 characters for the trace and 16 for the span.
struct Context {
  std::string trace_id;
  std::string span_id;
  bool sampled = false;

  /// `00-<trace>-<span>-<flags>`.
  std::string ToTraceparent() const;
  /// Nullopt if it is not a valid traceparent. Versions above 00 are read as far as 00 goes, as the standard asks.
  static std::optional<Context> Parse(std::string_view traceparent);
  /// A new span in the same trace.
  Context Child() const;
  /// A new trace.
  static Context New(bool sampled = true);
};

/// An id for logs: 32 hexadecimal digits, distinct but not secret, and cheap.
std::string NewId();

/// The trace id in a traceparent, empty if it has none.
std::string_view TraceIdOf(std::string_view traceparent);

}  // namespace embudo::trace
