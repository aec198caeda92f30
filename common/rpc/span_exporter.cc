#include "common/rpc/span_exporter.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <prometheus/counter.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "common/base/clock.h"
#include "common/log/log.h"
#include "common/rpc/grpc_process.h"
#include "common/rpc/wire.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"

namespace embudo::rpc {
namespace {

namespace otlp = opentelemetry::proto;
using ExportRequest = otlp::collector::trace::v1::ExportTraceServiceRequest;

constexpr char kExport[] = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
constexpr std::chrono::seconds kTimeout{5};
constexpr std::chrono::seconds kLastTimeout{1};

/// The bytes that hexadecimal digits tell.
std::string Bytes(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

uint64_t Nanoseconds(Time time) { return static_cast<uint64_t>(time.time_since_epoch().count()) * 1000; }

void AddAttribute(const std::string& key, const std::string& value,
                  google::protobuf::RepeatedPtrField<otlp::common::v1::KeyValue>* attributes) {
  auto* attribute = attributes->Add();
  attribute->set_key(key);
  attribute->mutable_value()->set_string_value(value);
}

void Fill(const trace::Span& span, otlp::trace::v1::Span* out) {
  out->set_trace_id(Bytes(span.context.trace_id));
  out->set_span_id(Bytes(span.context.span_id));
  out->set_parent_span_id(Bytes(span.parent_id));
  out->set_name(span.name);
  out->set_kind(static_cast<otlp::trace::v1::Span::SpanKind>(span.kind));
  out->set_start_time_unix_nano(Nanoseconds(span.start));
  out->set_end_time_unix_nano(Nanoseconds(span.end));
  for (const auto& [key, value] : span.attributes) AddAttribute(key, value, out->mutable_attributes());
  if (span.error.empty()) return;
  out->mutable_status()->set_code(otlp::trace::v1::Status::STATUS_CODE_ERROR);
  out->mutable_status()->set_message(span.error);
}

class Exporter final : public trace::SpanSink {
 public:
  Exporter(SpanExporterOptions options, metrics::Registry& metrics)
      : options_(std::move(options)),
        sent_(metrics.Counter("embudo_trace_spans_sent_total", "Spans that the collector took")),
        dropped_(metrics.Counter("embudo_trace_spans_dropped_total",
                                 "Spans lost: the collector was away or slow, the queue full")),
        stub_(Connect(options_.target)),
        thread_([this] { Run(); }) {}

  ~Exporter() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void Add(trace::Span span) override {
    {
      const std::lock_guard lock(mutex_);
      if (spans_.size() >= options_.queue_length) return dropped_.Increment();
      spans_.push_back(std::move(span));
      if (spans_.size() != options_.batch_size) return;
    }
    changed_.notify_one();
  }

 private:
  static std::shared_ptr<grpc::Channel> Connect(const std::string& target) {
    SetUpGrpc();
    return grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
  }

  void Run() {
    std::unique_lock lock(mutex_);
    while (!stopping_ || !spans_.empty()) {
      changed_.wait_for(lock, options_.interval, [&] { return stopping_ || spans_.size() >= options_.batch_size; });
      std::deque<trace::Span> batch;
      while (!spans_.empty() && batch.size() < options_.batch_size) {
        batch.push_back(std::move(spans_.front()));
        spans_.pop_front();
      }
      if (batch.empty()) continue;
      const bool last = stopping_;
      lock.unlock();
      const bool sent = Send(batch, last);
      lock.lock();
      (sent ? sent_ : dropped_).Increment(static_cast<double>(batch.size()));
      if (last && !sent) return;
    }
  }

  bool Send(const std::deque<trace::Span>& batch, bool last) {
    ExportRequest request;
    auto* resource = request.add_resource_spans();
    AddAttribute("service.name", options_.service, resource->mutable_resource()->mutable_attributes());
    AddAttribute("service.namespace", "embudo", resource->mutable_resource()->mutable_attributes());
    auto* scope = resource->add_scope_spans();
    for (const trace::Span& span : batch) Fill(span, scope->add_spans());
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + (last ? kLastTimeout : kTimeout));
    const grpc::ByteBuffer bytes = ToBytes(request);
    grpc::ByteBuffer answer;
    std::mutex mutex;
    std::condition_variable answered;
    std::optional<grpc::Status> result;
    stub_.UnaryCall(&context, kExport, {}, &bytes, &answer, [&](const grpc::Status& status) {
      const std::lock_guard lock(mutex);
      result = status;
      answered.notify_one();
    });
    std::unique_lock lock(mutex);
    answered.wait(lock, [&] { return result.has_value(); });
    Tell(*result);
    return result->ok();
  }

  /// Says once that the collector is away, and once that it is back.
  void Tell(const grpc::Status& status) {
    if (status.ok() == works_) return;
    works_ = status.ok();
    if (works_) return log::Info("traces: the collector takes spans", {{"collector", options_.target}});
    log::Warning("traces: the collector takes no spans",
                 {{"collector", options_.target}, {"why", status.error_message()}});
  }

  const SpanExporterOptions options_;
  prometheus::Counter& sent_;
  prometheus::Counter& dropped_;
  grpc::GenericStub stub_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<trace::Span> spans_;
  bool stopping_ = false;
  bool works_ = true;  // the thread's own
  std::thread thread_;
};

}  // namespace

std::shared_ptr<trace::SpanSink> SpanExporter(const SpanExporterOptions& options, metrics::Registry& metrics) {
  return std::make_shared<Exporter>(options, metrics);
}

}  // namespace embudo::rpc
