#include "common/rpc/span_exporter.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <mutex>

#include "common/rpc/test_server.h"
#include "common/rpc/wire.h"
#include "common/testing/eventually.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"

namespace embudo::rpc {
namespace {

using opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
using OtlpSpan = opentelemetry::proto::trace::v1::Span;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A collector that keeps what it is sent.
class Collector : public grpc::CallbackGenericService {
 public:
  Collector() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterCallbackGenericService(this);
    server_ = builder.BuildAndStart();
  }
  ~Collector() override { server_->Shutdown(); }

  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }
  std::vector<OtlpSpan> spans() {
    const std::lock_guard lock(mutex_);
    return spans_;
  }
  std::string path() {
    const std::lock_guard lock(mutex_);
    return path_;
  }

 private:
  class Export final : public grpc::ServerGenericBidiReactor {
   public:
    explicit Export(Collector& collector) : collector_(collector) { StartRead(&bytes_); }

   private:
    void OnReadDone(bool ok) override {
      if (!ok) return Finish(grpc::Status::OK);
      ExportTraceServiceRequest request;
      EXPECT_TRUE(ParseBytes(bytes_, &request));
      for (const auto& resource : request.resource_spans()) {
        EXPECT_EQ(resource.resource().attributes(0).value().string_value(), "pipeline");
        const std::lock_guard lock(collector_.mutex_);
        for (const auto& span : resource.scope_spans(0).spans()) collector_.spans_.push_back(span);
      }
      answer_ = ToBytes(opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse());
      StartWriteAndFinish(&answer_, {}, grpc::Status::OK);
    }
    void OnDone() override { delete this; }

    Collector& collector_;
    grpc::ByteBuffer bytes_;
    grpc::ByteBuffer answer_;
  };

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    const std::lock_guard lock(mutex_);
    path_ = context->method();
    return new Export(*this);
  }

  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;
  std::string path_;
  std::vector<OtlpSpan> spans_;
};

std::string Hex(const std::string& bytes) {
  std::string hex;
  for (const unsigned char byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += {kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return hex;
}

class SpanExporterTest : public ::testing::Test {
 protected:
  void Begin(double ratio) {
    SpanExporterOptions options;
    options.target = collector_.target();
    options.service = "pipeline";
    options.interval = std::chrono::milliseconds(10);
    trace::SetSpanSink(SpanExporter(options, metrics_), ratio);
  }
  void TearDown() override { trace::SetSpanSink(nullptr, 0); }

  Collector collector_;
  metrics::Registry metrics_;
};

TEST_F(SpanExporterTest, ACallIsOneTraceOnBothSides) {
  TestServer server(
      [](const CallContext&, const pipeline::v1::GetTagRequest& request) -> absl::StatusOr<type::v1::Tag> {
        if (request.name() == "tags/cold") return absl::NotFoundError("no");
        return type::v1::Tag();
      });
  Begin(1.0);
  ASSERT_TRUE(server.CallGetTag().ok());
  ASSERT_TRUE(testing::Eventually([&] { return collector_.spans().size() == 2; }));
  const auto spans = collector_.spans();
  EXPECT_EQ(collector_.path(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
  const OtlpSpan& of_server = spans[0].kind() == OtlpSpan::SPAN_KIND_SERVER ? spans[0] : spans[1];
  const OtlpSpan& of_client = spans[0].kind() == OtlpSpan::SPAN_KIND_SERVER ? spans[1] : spans[0];
  EXPECT_EQ(of_client.kind(), OtlpSpan::SPAN_KIND_CLIENT);
  EXPECT_EQ(of_client.name(), TestServer::kGetTag);
  EXPECT_THAT(of_client.parent_span_id(), IsEmpty());
  EXPECT_EQ(of_server.parent_span_id(), of_client.span_id());
  EXPECT_EQ(of_server.trace_id(), of_client.trace_id());
  EXPECT_THAT(of_server.trace_id(), SizeIs(16));
  EXPECT_LE(of_client.start_time_unix_nano(), of_server.end_time_unix_nano());
  EXPECT_EQ(of_server.status().code(), opentelemetry::proto::trace::v1::Status::STATUS_CODE_UNSET);

  ASSERT_FALSE(server.CallGetTag("tags/cold").ok());
  ASSERT_TRUE(testing::Eventually([&] { return collector_.spans().size() == 4; }));
  EXPECT_EQ(collector_.spans()[3].status().message(), "NOT_FOUND");
}

TEST_F(SpanExporterTest, ACallersDecisionHoldsAndNewTracesFollowTheRatio) {
  Begin(0.0);
  EXPECT_FALSE(trace::Begin().sampled);
  const auto asked = trace::Context::New(true);
  EXPECT_TRUE(trace::IsRecorded(asked));
  EXPECT_TRUE(trace::IsRecorded(asked.ToTraceparent()));
  EXPECT_FALSE(trace::IsRecorded(trace::Context::New(false)));
  trace::Span span;
  span.context = asked;
  span.name = "x";
  trace::Record(span);
  ASSERT_TRUE(testing::Eventually([&] { return collector_.spans().size() == 1; }));
  EXPECT_EQ(Hex(collector_.spans()[0].trace_id()), asked.trace_id);
}

TEST_F(SpanExporterTest, WhatIsLeftIsSentAtTheEnd) {
  SpanExporterOptions options;
  options.target = collector_.target();
  options.service = "pipeline";
  options.interval = std::chrono::hours(1);
  trace::SetSpanSink(SpanExporter(options, metrics_), 1.0);
  trace::Span span;
  span.context = trace::Begin();
  trace::Record(span);
  trace::SetSpanSink(nullptr, 0);
  EXPECT_THAT(collector_.spans(), SizeIs(1));
  EXPECT_THAT(metrics_.Text(), ::testing::HasSubstr("embudo_trace_spans_sent_total 1"));
}

TEST(SpanExporterAwayTest, ACollectorThatIsAwayCostsSpansAndNothingElse) {
  metrics::Registry metrics;
  SpanExporterOptions options;
  options.target = "127.0.0.1:1";
  options.queue_length = 4;
  options.batch_size = 100;
  options.interval = std::chrono::hours(1);
  {
    const auto exporter = SpanExporter(options, metrics);
    for (int i = 0; i < 10; ++i) exporter->Add(trace::Span());
  }
  EXPECT_THAT(metrics.Text(), ::testing::HasSubstr("embudo_trace_spans_dropped_total 10"));
}

}  // namespace
}  // namespace embudo::rpc
