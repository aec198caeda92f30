#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "common/metrics/metrics.h"
#include "common/trace/span.h"

namespace embudo::rpc {

struct SpanExporterOptions {
  /// gRPC target of an OpenTelemetry collector (`collector:4317`), which is reached without TLS: it stands beside.
  std::string target;
  /// `service.name` of the spans.
  std::string service;
  /// Spans that wait to be sent at most; what comes beyond is dropped and counted.
  size_t queue_length = 8192;
  size_t batch_size = 512;
  std::chrono::milliseconds interval{1000};
};

/// Sends spans to an OpenTelemetry collector over OTLP/gRPC, in batches, from a thread of its own. A collector that is
/// slow or away costs spans and nothing else. Its end sends what is left, for a second at most.
std::shared_ptr<trace::SpanSink> SpanExporter(const SpanExporterOptions& options, metrics::Registry& metrics);

}  // namespace embudo::rpc
