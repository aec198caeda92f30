#include <CLI/CLI.hpp>
#include <iostream>

#include "common/base/error.h"
#include "embudo/reporting/v1/reporting_service.pb.h"
#include "tools/cli/commands.h"

namespace embudo::cli {
namespace {

namespace v1 = reporting::v1;

constexpr char kService[] = "embudo.reporting.v1.ReportingService/";

absl::StatusOr<int> Rebuild(Context& context) {
  const std::string method = std::string(kService) + "RebuildReports";
  const auto stream = context.ClientOf(method).Stream(method, context.identity());
  if (!stream->Write(v1::RebuildReportsRequest())) return stream->Finish();
  stream->WritesDone();
  v1::RebuildReportsResponse step;
  v1::RebuildReportsResponse last;
  while (stream->Read(&step)) {
    last = step;
    // Progress is no part of the answer.
    std::cerr << "\r" << step.leads() << " leads, " << step.changes() << " changes, " << step.rollups() << " sums"
              << std::flush;
  }
  std::cerr << "\n";
  EMBUDO_RETURN_IF_ERROR(stream->Finish());
  context.output().Object({{"leads", last.leads()},
                           {"changes", last.changes()},
                           {"repaired", last.repaired()},
                           {"rollups", last.rollups()}});
  return 0;
}

/// The exit code tells whether something differs.
absl::StatusOr<int> Verify(Context& context) {
  const std::string method = std::string(kService) + "VerifyReports";
  const auto stream = context.ClientOf(method).Stream(method, context.identity());
  if (!stream->Write(v1::VerifyReportsRequest())) return stream->Finish();
  stream->WritesDone();
  v1::VerifyReportsResponse step;
  std::vector<Json> rows;
  std::vector<std::string> differences;
  int64_t count = 0;
  while (stream->Read(&step)) {
    rows.push_back({{"compared", step.compared()}, {"count", step.count()}, {"differences", step.difference_count()}});
    for (const std::string& text : step.differences()) differences.push_back(step.compared() + ": " + text);
    if (step.done()) count = step.difference_count();
  }
  EMBUDO_RETURN_IF_ERROR(stream->Finish());
  context.output().Rows(rows, {{"COMPARED", "compared"}, {"COUNT", "count"}, {"DIFFERENCES", "differences"}});
  for (const std::string& text : differences) std::cerr << text << "\n";
  return count == 0 ? 0 : 1;
}

}  // namespace

void AddReportUpkeep(CLI::App& admin, Context& context) {
  admin.add_subcommand("rebuild-reports", "Makes the tenant's reports anew from the records")->callback([&context] {
    context.command = [&context] { return Rebuild(context); };
  });
  admin.add_subcommand("verify-reports", "Recounts the tenant's reports from the records; fails if they differ")
      ->callback([&context] { context.command = [&context] { return Verify(context); }; });
}

}  // namespace embudo::cli
