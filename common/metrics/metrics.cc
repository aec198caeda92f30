#include "common/metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>

#include "common/base/clock.h"

namespace embudo::metrics {
namespace {

const prometheus::Histogram::BucketBoundaries kSeconds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                          0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};

/// When the process began, in seconds since 1970: at the first call, which is that of its registry.
double StartTime() {
  static const double start = std::chrono::duration<double>(Clock::System().Now().time_since_epoch()).count();
  return start;
}

int64_t ThreadCount() {
  std::ifstream status("/proc/self/status");
  std::string word;
  int64_t count = 0;
  while (status >> word) {
    if (word == "Threads:") status >> count;
  }
  return count;
}

// What Prometheus' client libraries tell of every process, under their names.
std::string ProcessText() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;  // the second number is the resident set
  return "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total " +
         std::to_string(seconds(usage.ru_utime) + seconds(usage.ru_stime)) +
         "\n# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes " +
         std::to_string(pages * sysconf(_SC_PAGESIZE)) +
         "\n# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds " + std::to_string(StartTime()) +
         "\n# TYPE process_threads gauge\nprocess_threads " + std::to_string(ThreadCount()) + "\n";
}

}  // namespace

Registry::Registry() : registry_(std::make_shared<prometheus::Registry>()) { StartTime(); }
Registry::~Registry() = default;

prometheus::Counter& Registry::Counter(const std::string& name, const std::string& help, const Labels& labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(*registry_).Add(labels);
}

prometheus::Gauge& Registry::Gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(*registry_).Add(labels);
}

prometheus::Histogram& Registry::Latency(const std::string& name, const std::string& help, const Labels& labels) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(*registry_).Add(labels, kSeconds);
}

std::string Registry::Text() const {
  return prometheus::TextSerializer().Serialize(registry_->Collect()) + ProcessText();
}

}  // namespace embudo::metrics
