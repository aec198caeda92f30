// Import of a CSV file, against COPY of the same rows into one plain table.

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/base/error.h"
#include "tools/bench/measure.h"

namespace embudo::bench {
namespace {

using std::chrono::steady_clock;

constexpr char kMapping[] = R"({
  "target": "TARGET_OPPORTUNITY", "system": "bench", "idColumn": "id",
  "columns": [
    {"column": "title", "field": "display_name"}, {"column": "person", "field": "contact_name"},
    {"column": "company", "field": "company_name"}, {"column": "email", "field": "email"},
    {"column": "country", "field": "country"}, {"column": "opened", "field": "open_time"},
    {"column": "amount", "field": "expected_revenue"}
  ],
  "format": {"dateOrder": "DATE_ORDER_YEAR_MONTH_DAY", "currencyCode": "USD"}
})";

void WriteRows(const std::filesystem::path& file, const std::string& run, int rows) {
  std::ofstream out(file);
  out << "id,title,person,company,email,country,opened,amount\n";
  for (int i = 0; i < rows; ++i) {
    out << run << '-' << i << ",Deal " << i << ",Person " << i << ",Company " << i % 500 << ",person" << i
        << "@example.com,US,2026-0" << 1 + i % 9 << "-15," << 100 + i % 9000 << '\n';
  }
}

absl::StatusOr<double> RateOf(const std::string& command, int rows) {
  const auto start = steady_clock::now();
  EMBUDO_RETURN_IF_ERROR(RunCommand(command).status());
  return rows / std::chrono::duration<double>(steady_clock::now() - start).count();
}

}  // namespace

absl::Status MeasureImport(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  const std::string run = cli::NewRequestId();
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / ("embudo-bench-" + run);
  std::filesystem::create_directory(folder);
  WriteRows(folder / "rows.csv", run, options.import_rows);
  std::ofstream(folder / "mapping.json") << kMapping;

  const std::string rows = (folder / "rows.csv").string();
  const std::string import = std::filesystem::read_symlink("/proc/self/exe").string() + " --tenant " + context.tenant +
                             " --capture " + context.targets["capture"] + " import --mapping " +
                             (folder / "mapping.json").string() + " " + rows;
  const absl::StatusOr<double> reached = RateOf(import, options.import_rows);
  absl::StatusOr<double> limit = 0.0;
  if (reached.ok() && !options.postgres.empty()) {
    limit =
        RateOf("psql -q '" + options.postgres +
                   "' -c 'DROP TABLE IF EXISTS public.embudo_bench; CREATE TABLE public.embudo_bench (id text, title"
                   " text, person text, company text, email text, country text, opened date, amount numeric)'"
                   " -c '\\copy public.embudo_bench FROM " +
                   rows +
                   " CSV HEADER'"
                   " -c 'DROP TABLE public.embudo_bench'",
               options.import_rows);
  }
  std::filesystem::remove_all(folder);
  EMBUDO_RETURN_IF_ERROR(reached.status());
  EMBUDO_RETURN_IF_ERROR(limit.status());
  figures->push_back({"import of a CSV file", "rows/s", *reached, *limit, "COPY into one plain table"});
  return absl::OkStatus();
}

}  // namespace embudo::bench
