#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "common/redis/connection.h"
#include "tools/cli/context.h"

namespace embudo::bench {

/// What is measured and against what.
struct Options {
  /// The one measurement that is made; empty: all.
  std::string only;
  int in_flight = 32;
  int seconds = 5;
  int import_rows = 20000;
  int leads = 10000;
  int64_t events = 200000;
  int64_t live_events = 50000;
  int subscribers = 1000;
  /// Leads of the tenant `bench-reports`, which reports are measured on; 0: they are left out.
  int64_t report_leads = 0;
  /// libpq conninfo with database, of a superuser: for pgbench and COPY.
  std::string postgres;
  /// Redis's `host:port` or socket: for XREAD.
  std::string redis;
  /// `host:port` of the pipeline service's /metrics.
  std::string metrics = "127.0.0.1:7101";
  /// `host:port` of the capture service's forms; empty: they are left out.
  std::string forms = "127.0.0.1:7202";
  /// The same of the capture service.
  std::string capture_metrics = "127.0.0.1:7102";
};

/// One line of the table.
struct Figure {
  std::string what;
  std::string unit;
  double reached = 0;
  /// The machine's own limit in the same run; 0: none is known.
  double limit = 0;
  std::string limit_is;
};

/// Latencies in the order that they came in.
class Latencies {
 public:
  void Add(std::chrono::nanoseconds latency) { values_.push_back(latency); }
  /// In milliseconds; `share` of them are at most this. 0 without values.
  double Percentile(double share);
  size_t count() const { return values_.size(); }

 private:
  std::vector<std::chrono::nanoseconds> values_;
};

/// CPU seconds used so far by the pipeline service (its metrics) and by all PostgreSQL processes of this machine.
struct CpuSeconds {
  double service = 0;
  double postgres = 0;
};
CpuSeconds ReadCpu(const Options& options);
/// Waits until what was written before is dealt with, so that it is not counted: both use next to nothing. A minute at
/// most.
void AwaitIdle(const Options& options);
/// A figure of the pipeline service's metrics, by its name and labels; 0 if it has none.
double ReadMetric(const Options& options, const std::string& name);

/// Each adds its figures.
absl::Status MeasureCreate(cli::Context& context, const Options& options, std::vector<Figure>* figures);
absl::Status MeasureRecords(cli::Context& context, const Options& options, std::vector<Figure>* figures);
absl::Status MeasureMerges(cli::Context& context, const Options& options, std::vector<Figure>* figures);
absl::Status MeasureLatency(cli::Context& context, const Options& options, std::vector<Figure>* figures);
absl::Status MeasureEvents(cli::Context& context, const Options& options, std::vector<Figure>* figures);
absl::Status MeasureForms(cli::Context& context, const Options& options, std::vector<Figure>* figures);
absl::Status MeasureScoring(cli::Context& context, const Options& options, std::vector<Figure>* figures);
absl::Status MeasureAssignment(cli::Context& context, const Options& options, std::vector<Figure>* figures);
absl::Status MeasureCapture(cli::Context& context, const Options& options, std::vector<Figure>* figures);
absl::Status MeasureReports(cli::Context& context, const Options& options, std::vector<Figure>* figures);
absl::Status MeasureFanOut(cli::Context& context, const Options& options, std::vector<Figure>* figures);
absl::Status MeasureImport(cli::Context& context, const Options& options, std::vector<Figure>* figures);
absl::Status MeasureRules(cli::Context& context, const Options& options, std::vector<Figure>* figures);
absl::Status MeasureMail(cli::Context& context, const Options& options, std::vector<Figure>* figures);

/// The keys of the log's streams in Redis.
absl::StatusOr<std::vector<std::string>> StreamsOf(redis::Connection& connection);

/// Runs a shell command and returns what it printed; UNAVAILABLE with its last lines if it failed.
absl::StatusOr<std::string> RunCommand(const std::string& command);

}  // namespace embudo::bench
