// Import of a CSV file, against COPY of the same rows into one plain table, and of the leads that came of them into a
// table like theirs.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

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

std::string Psql(const Options& options, const std::vector<std::string>& commands) {
  std::string out = "psql -q '" + options.postgres + "'";
  for (const std::string& command : commands) out += " -c '" + command + "'";
  return out;
}

absl::StatusOr<double> PlainCopyRate(const Options& options, const std::string& rows) {
  return RateOf(
      Psql(options, {"DROP TABLE IF EXISTS public.embudo_bench",
                     "CREATE TABLE public.embudo_bench (id text, title text, person text, company text,"
                     " email text, country text, opened date, amount numeric)",
                     "\\copy public.embudo_bench FROM " + rows + " CSV HEADER", "DROP TABLE public.embudo_bench"}),
      options.import_rows);
}

/// Into a table with the columns, checks and indexes of the table of leads, without its references and triggers.
absl::StatusOr<double> LeadCopyRate(const Options& options, const std::string& tenant, const std::string& file) {
  EMBUDO_RETURN_IF_ERROR(
      RunCommand(Psql(options, {"DROP TABLE IF EXISTS public.embudo_bench",
                                "CREATE TABLE public.embudo_bench (LIKE pipeline.lead INCLUDING ALL)",
                                "\\copy (SELECT * FROM pipeline.lead WHERE tenant_id = $$" + tenant +
                                    "$$ ORDER BY create_time DESC LIMIT " + std::to_string(options.import_rows) +
                                    ") TO " + file}))
          .status());
  return RateOf(Psql(options, {"\\copy public.embudo_bench FROM " + file, "DROP TABLE public.embudo_bench"}),
                options.import_rows);
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
  absl::StatusOr<double> plain = 0.0;
  absl::StatusOr<double> like_leads = 0.0;
  if (reached.ok() && !options.postgres.empty()) {
    plain = PlainCopyRate(options, rows);
    like_leads = LeadCopyRate(options, context.tenant, (folder / "leads.copy").string());
  }
  std::filesystem::remove_all(folder);
  EMBUDO_RETURN_IF_ERROR(reached.status());
  EMBUDO_RETURN_IF_ERROR(plain.status());
  EMBUDO_RETURN_IF_ERROR(like_leads.status());
  figures->push_back({"import of a CSV file", "rows/s", *reached, *plain, "COPY into one plain table"});
  figures->push_back({"import of a CSV file", "rows/s", *reached, *like_leads, "COPY into a table like that of leads"});
  return absl::OkStatus();
}

}  // namespace embudo::bench
