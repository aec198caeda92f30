#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/trace/trace.h"

namespace embudo::trace {

/// A piece of work in a trace, as OpenTelemetry tells it. Attributes never hold personal data.
struct Span {
  enum class Kind { kInternal = 1, kServer, kClient, kProducer, kConsumer };

  Context context;        ///< of the work itself
  std::string parent_id;  ///< span id of what asked for it; empty: the trace begins here
  std::string name;
  Kind kind = Kind::kInternal;
  Time start{};
  Time end{};
  std::map<std::string, std::string> attributes;
  std::string error;  ///< a status code's name; empty: it went well
};

/// Where spans go that have ended.
class SpanSink {
 public:
  virtual ~SpanSink() = default;
  /// Must not block.
  virtual void Add(Span span) = 0;
};

/// Sets the process's sink; nullptr: spans are dropped. `sample_ratio`: the part of the traces that begin here which
/// are recorded; those that come from a caller are recorded if the caller says so.
void SetSpanSink(std::shared_ptr<SpanSink> sink, double sample_ratio);

/// Whether there is a sink.
bool IsRecording();
/// Whether a span of this trace would go anywhere, to spare the work of making it.
bool IsRecorded(const Context& context);
/// The same of a traceparent.
bool IsRecorded(std::string_view traceparent);

/// Hands a span to the sink, if its trace is recorded.
void Record(Span span);

/// A new trace, recorded or not by the sample ratio.
Context Begin();

}  // namespace embudo::trace
