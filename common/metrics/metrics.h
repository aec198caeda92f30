#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
}  // namespace prometheus

namespace embudo::metrics {

using Labels = std::map<std::string, std::string>;

/// The process's metrics. Names are `embudo_<noun>_<unit>`; a metric is made at first use and lives as long as the
/// registry. Thread-safe.
class Registry {
 public:
  Registry();
  ~Registry();

  prometheus::Counter& Counter(const std::string& name, const std::string& help, const Labels& labels = {});
  prometheus::Gauge& Gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  /// Buckets from 100 µs to 10 s.
  prometheus::Histogram& Latency(const std::string& name, const std::string& help, const Labels& labels = {});
  /// Everything in Prometheus' text format.
  std::string Text() const;

 private:
  std::shared_ptr<prometheus::Registry> registry_;
};

}  // namespace embudo::metrics
