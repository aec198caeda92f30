#include "tools/bench/bench.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <utility>

#include "common/base/error.h"
#include "tools/bench/fairness.h"
#include "tools/bench/measure.h"
#include "tools/bench/table.h"

namespace embudo::bench {
namespace {

constexpr std::pair<const char*, decltype(&MeasureCreate)> kMeasures[] = {
    {"create", MeasureCreate},   {"records", MeasureRecords},   {"merge", MeasureMerges},
    {"latency", MeasureLatency}, {"events", MeasureEvents},     {"fan-out", MeasureFanOut},
    {"capture", MeasureCapture}, {"forms", MeasureForms},       {"scoring", MeasureScoring},
    {"import", MeasureImport},   {"reports", MeasureReports},   {"mail", MeasureMail},
    {"rules", MeasureRules},     {"assign", MeasureAssignment}, {"fairness", MeasureFairness}};

absl::StatusOr<int> Run(cli::Context& context, const Options& options) {
  std::vector<Figure> figures;
  absl::Status status;
  for (const auto& [name, measure] : kMeasures) {
    const bool wanted = options.only.empty() || options.only == name;
    if (!wanted) continue;
    // One that fails does not hide the others.
    const absl::Status measured = measure(context, options, &figures);
    if (!measured.ok()) std::cerr << name << ": " << measured.message() << "\n";
    if (status.ok()) status = measured;
  }
  const std::vector<cli::Json> rows = RowsOf(figures);
  if (context.output().format() == cli::Format::kJson) {
    context.output().Object({{"rows", rows}});
  } else {
    context.output().Rows(rows, Columns());
  }
  if (!status.ok()) return status;  // what was measured before stands above
  return 0;
}

}  // namespace

void AddBench(CLI::App& app, cli::Context& context) {
  CLI::App* command = app.add_subcommand("bench", "Measure a running installation beside the machine's own limits");
  auto options = std::make_shared<Options>();
  std::vector<std::string> names;
  for (const auto& [name, measure] : kMeasures) names.emplace_back(name);
  command->add_option("--only", options->only, "One measurement")->check(CLI::IsMember(names));
  command->add_option("--in-flight", options->in_flight, "Calls at once")->capture_default_str();
  command->add_option("--seconds", options->seconds, "Seconds that each measurement takes")->capture_default_str();
  command->add_option("--leads", options->leads, "Leads that are read, listed and moved")->capture_default_str();
  command
      ->add_option("--report-leads", options->report_leads,
                   "Leads of the tenant bench-reports, which reports are measured on; takes --postgres. 0: left out")
      ->capture_default_str();
  command->add_option("--events", options->events, "Events of the replay; what the tenant lacks of them is made first")
      ->capture_default_str();
  command->add_option("--live-events", options->live_events, "Events that are made for a Tail that waits for them")
      ->capture_default_str();
  command->add_option("--subscribers", options->subscribers, "Streams at once, of which one in ten reads nothing")
      ->capture_default_str();
  command->add_option("--import-rows", options->import_rows, "Rows of the import")->capture_default_str();
  command
      ->add_option("--postgres", options->postgres,
                   "Connection string of a superuser, for pgbench and COPY; without it the limits are left out")
      ->envname("EMBUDO_BENCH_POSTGRES");
  command->add_option("--redis", options->redis, "Redis, for XREAD; without it that limit is left out")
      ->envname("EMBUDO_BENCH_REDIS");
  command->add_option("--metrics", options->metrics, "Address of the pipeline service's /metrics")
      ->capture_default_str();
  command->add_option("--forms", options->forms, "Address of the capture service's forms; empty: not measured")
      ->capture_default_str();
  command->add_option("--capture-metrics", options->capture_metrics, "Address of the capture service's /metrics")
      ->capture_default_str();
  command->callback([&context, options] { context.command = [&context, options] { return Run(context, *options); }; });
}

}  // namespace embudo::bench
