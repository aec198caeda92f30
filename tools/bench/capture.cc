// CaptureLead one after the other and at many in flight, and the look-up of duplicates.

#include <memory>

#include "common/base/error.h"
#include "embudo/capture/v1/capture_service.pb.h"
#include "services/capture/storage/lead_index.h"
#include "tools/bench/load.h"

namespace embudo::bench {
namespace {

constexpr char kService[] = "embudo.capture.v1.CaptureService/";

// People and companies as different from each other as those of a tenant are, so that few are taken for the same.
std::string NameOf(int64_t n) {
  static constexpr const char* kSyllables[] = {"ba",  "den", "fi",  "gor", "hul", "jas", "ke",  "lom",
                                               "mir", "nov", "pet", "qua", "ros", "sel", "tov", "wim"};
  std::string name;
  const auto key = static_cast<uint64_t>(n) * 0x9E3779B97F4A7C15U;
  for (uint64_t rest = key ^ (key >> 32U); name.size() < 9; rest /= 16) {
    name += kSyllables[rest % 16];
  }
  name[0] = static_cast<char>(name[0] - 'a' + 'A');
  return name;
}

std::unique_ptr<capture::v1::CaptureLeadRequest> Submission(const std::string& run, int64_t n) {
  auto request = std::make_unique<capture::v1::CaptureLeadRequest>();
  auto& lead = *request->mutable_lead();
  lead.set_contact_name(NameOf(3 * n) + " " + NameOf(3 * n + 1));
  lead.set_company_name(NameOf(3 * n + 2) + " Ltd");
  lead.set_email("p" + std::to_string(n) + "@" + run + "-" + NameOf(3 * n + 2) + ".example");
  request->mutable_touch()->set_source("bench");
  request->mutable_touch()->set_medium("cpc");
  (*request->mutable_payload()->mutable_web_form()->mutable_fields())["message"] = "Call me";
  request->set_request_id(cli::NewRequestId());
  return request;
}

/// The statement alone, as the service runs it, for leads that are there.
absl::StatusOr<double> LookUpRate(const Options& options, const std::string& tenant) {
  if (options.postgres.empty()) return 0.0;
  std::string sql = capture::storage::kFindLeads;
  const std::string keys =
      "(SELECT keys FROM capture.known_lead WHERE tenant_id = '" + tenant +
      "' AND lead_id >= ('00000000-0000-0000-0000-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid ORDER BY lead_id"
      " LIMIT 1)";
  for (const auto& [parameter, value] : {std::pair<std::string, std::string>("$1", "'" + tenant + "'"),
                                         {"$2::text[]", keys},
                                         {"$3::uuid", "NULL::uuid"},
                                         {"$4::boolean", "true"}}) {
    for (size_t at = sql.find(parameter); at != std::string::npos; at = sql.find(parameter, at + value.size())) {
      sql.replace(at, parameter.size(), value);
    }
  }
  return PgbenchRate(options, "\\set n random(1, 281474976710655)\n" + sql + ";\n");
}

}  // namespace

absl::Status MeasureCapture(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  const std::string run = "r" + cli::NewRequestId();
  const std::string method = std::string(kService) + "CaptureLead";
  const auto& answer = capture::v1::CaptureLeadResponse::default_instance();
  int64_t next = 0;
  for (const int in_flight : {1, options.in_flight}) {
    Options these = options;
    these.in_flight = in_flight;
    next += int64_t{1} << 32;
    EMBUDO_RETURN_IF_ERROR(MeasureLoad(
        context, these, "CaptureLead of new leads", method, answer,
        [&](int64_t n) { return Submission(run, next + n); }, [&] { return CreateLeadRate(options, context.tenant); },
        "pgbench, CreateLead's statement", figures));
  }
  EMBUDO_RETURN_IF_ERROR(MeasureLoad(
      context, options, "CaptureLead of one lead again and again", method, answer,
      [&](int64_t n) { return Submission(run, (int64_t{1} << 32) + n % 100); }, [] { return 0.0; }, "", figures));
  return MeasureLoad(
      context, options, "FindDuplicates", std::string(kService) + "FindDuplicates",
      capture::v1::FindDuplicatesResponse::default_instance(),
      [&](int64_t n) {
        auto request = std::make_unique<capture::v1::FindDuplicatesRequest>();
        *request->mutable_draft() = Submission(run, (int64_t{1} << 32) + n % 1000)->lead();
        return request;
      },
      [&] { return LookUpRate(options, context.tenant); }, "pgbench, the same SELECT", figures);
}

}  // namespace embudo::bench
