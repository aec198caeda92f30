#include "common/event/spans.h"

#include <utility>

namespace embudo::event {

void RecordEvents(trace::Span::Kind kind, const std::string& what, std::chrono::steady_clock::time_point start,
                  const std::vector<type::v1::Event>& events) {
  if (!trace::IsRecording()) return;
  const Time end = Clock::System().Now();
  const auto spent = std::chrono::duration_cast<Time::duration>(std::chrono::steady_clock::now() - start);
  for (const type::v1::Event& event : events) {
    const auto cause = trace::Context::Parse(event.traceparent());
    if (!cause || !trace::IsRecorded(*cause)) continue;
    trace::Span span;
    span.context = cause->Child();
    span.parent_id = cause->span_id;
    span.name = what + " " + event.type();
    span.kind = kind;
    span.start = end - spent;
    span.end = end;
    span.attributes = {{"messaging.system", "embudo"},
                       {"messaging.message.id", event.id()},
                       {"messaging.destination.partition.id", std::to_string(event.partition())},
                       {"embudo.tenant", event.tenant()}};
    trace::Record(std::move(span));
  }
}

}  // namespace embudo::event
