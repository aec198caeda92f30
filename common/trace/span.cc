#include "common/trace/span.h"

#include <atomic>
#include <mutex>
#include <random>
#include <utility>

namespace embudo::trace {
namespace {

/// The process's sink. It is never destroyed: threads may still end spans while the process exits.
struct Recorder {
  std::atomic<bool> on = false;
  std::atomic<double> sample_ratio = 0;
  std::mutex mutex;
  std::shared_ptr<SpanSink> sink;
};

Recorder& TheRecorder() {
  static Recorder& recorder = *new Recorder;
  return recorder;
}

}  // namespace

void SetSpanSink(std::shared_ptr<SpanSink> sink, double sample_ratio) {
  Recorder& recorder = TheRecorder();
  const std::lock_guard lock(recorder.mutex);
  recorder.on = sink != nullptr;
  recorder.sample_ratio = sample_ratio;
  recorder.sink = std::move(sink);
}

bool IsRecording() { return TheRecorder().on.load(std::memory_order_relaxed); }

bool IsRecorded(const Context& context) { return context.sampled && TheRecorder().on.load(std::memory_order_relaxed); }

bool IsRecorded(std::string_view traceparent) {
  if (!TheRecorder().on.load(std::memory_order_relaxed)) return false;
  const auto context = Context::Parse(traceparent);
  return context && context->sampled;
}

void Record(Span span) {
  if (!IsRecorded(span.context)) return;
  Recorder& recorder = TheRecorder();
  const std::lock_guard lock(recorder.mutex);
  if (recorder.sink != nullptr) recorder.sink->Add(std::move(span));
}

Context Begin() {
  const Recorder& recorder = TheRecorder();
  if (!recorder.on.load(std::memory_order_relaxed)) return Context::New(false);
  thread_local std::minstd_rand random(std::random_device{}());
  return Context::New(std::uniform_real_distribution<double>(0, 1)(random) < recorder.sample_ratio);
}

}  // namespace embudo::trace
