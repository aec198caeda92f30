// Reading and moving leads among many, against pgbench on the same rows.

#include <memory>
#include <vector>

#include "common/base/error.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/pipeline/storage/tables.h"
#include "tools/bench/load.h"

namespace embudo::bench {
namespace {

using type::v1::Lead;

constexpr char kService[] = "embudo.pipeline.v1.LeadService/";
constexpr char kNew[] = "pipelines/default/stages/new";
constexpr char kQualified[] = "pipelines/default/stages/qualified";

/// May move on: what its stage asks for is ticked.
void Fill(int n, Lead& lead) {
  lead.set_display_name("Board " + std::to_string(n));
  lead.set_company_name("Company " + std::to_string(n % kLeadBatch));
  lead.set_email("board" + std::to_string(n) + "@example.com");
  lead.add_checklist("first_contact_made");
  lead.mutable_expected_revenue()->set_units((n - n % kLeadBatch) % 10000 + n % kLeadBatch);
}

/// Makes as many as --leads wants, and tells how fast.
absl::StatusOr<std::vector<std::string>> MeasureMaking(cli::Context& context, const Options& options,
                                                       std::vector<Figure>* figures) {
  const auto start = std::chrono::steady_clock::now();
  EMBUDO_ASSIGN_OR_RETURN(std::vector<std::string> names, MakeLeads(context, options.leads, Fill));
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  figures->push_back({"BatchCreateLeads of 1,000", "leads/s", options.leads / taken.count(), 0, ""});
  return names;
}

std::string SelectLeads(const std::string& tenant) {
  const resource::Table& table = pipeline::storage::LeadTable();
  return "SELECT " + table.SelectList("t") + " FROM " + table.name() + " t WHERE t.tenant_id = '" + tenant + "'";
}

/// Where the page in the middle of a list of so many leads begins.
absl::StatusOr<std::string> MiddleOf(cli::Context& context, int leads) {
  pipeline::v1::ListLeadsRequest request;
  request.set_page_size(kLeadBatch);
  for (int passed = 0; passed < leads / 2; passed += kLeadBatch) {
    EMBUDO_ASSIGN_OR_RETURN(
        const auto page, context.Call<pipeline::v1::ListLeadsResponse>(std::string(kService) + "ListLeads", request));
    if (page.next_page_token().empty()) break;
    request.set_page_token(page.next_page_token());
  }
  return request.page_token();
}

}  // namespace

absl::Status MeasureRecords(cli::Context& context, const Options& options, std::vector<Figure>* figures) {
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> names, MeasureMaking(context, options, figures));
  const auto name = [&](int64_t n) { return names[static_cast<size_t>(n) % names.size()]; };
  const Lead& lead = Lead::default_instance();

  const std::string id = names[names.size() / 2].substr(6);
  const auto one = [&] {
    return PgbenchRate(options, SelectLeads(context.tenant) + " AND t.lead_id = '" + id + "';\n");
  };
  const auto get = [&](int64_t n) {
    auto request = std::make_unique<pipeline::v1::GetLeadRequest>();
    request->set_name(name(n));
    return request;
  };
  EMBUDO_RETURN_IF_ERROR(MeasureLoad(context, options, "GetLead", std::string(kService) + "GetLead", lead, get, one,
                                     "pgbench, the same SELECT", figures));

  // To and fro, each lead by its turn.
  const auto move = [&](int64_t n) {
    auto request = std::make_unique<pipeline::v1::MoveLeadRequest>();
    request->set_name(name(n));
    request->set_stage(n / static_cast<int64_t>(names.size()) % 2 == 0 ? kQualified : kNew);
    request->set_request_id(cli::NewRequestId());
    return request;
  };
  EMBUDO_RETURN_IF_ERROR(MeasureLoad(
      context, options, "MoveLead", std::string(kService) + "MoveLead", lead, move,
      [] { return absl::StatusOr<double>(0); }, "", figures));

  const auto page = [&] {
    return PgbenchRate(options, SelectLeads(context.tenant) +
                                    " AND t.delete_time IS NULL"
                                    " ORDER BY t.create_time DESC, t.lead_id DESC LIMIT 81;\n");
  };
  const auto list = [&](int64_t) {
    auto request = std::make_unique<pipeline::v1::ListLeadsRequest>();
    request->set_page_size(80);
    return request;
  };
  EMBUDO_RETURN_IF_ERROR(MeasureLoad(context, options, "ListLeads of 80", std::string(kService) + "ListLeads",
                                     pipeline::v1::ListLeadsResponse::default_instance(), list, page,
                                     "pgbench, the same SELECT", figures));

  EMBUDO_ASSIGN_OR_RETURN(const std::string middle, MiddleOf(context, options.leads));
  const auto list_on = [&](int64_t) {
    auto request = list(0);
    request->set_page_token(middle);
    return request;
  };
  EMBUDO_RETURN_IF_ERROR(MeasureLoad(
      context, options, "ListLeads of 80 from the middle", std::string(kService) + "ListLeads",
      pipeline::v1::ListLeadsResponse::default_instance(), list_on, [] { return 0.0; }, "", figures));

  const auto kanban = [&](int64_t) {
    auto request = std::make_unique<pipeline::v1::GetKanbanRequest>();
    request->set_pipeline("pipelines/default");
    request->set_page_size(80);
    // What a card shows.
    for (const char* field : {"display_name", "company_name", "contact_name", "expected_revenue", "probability",
                              "priority", "owner", "tags", "stage", "rotting", "days_in_stage", "activity_state"}) {
      request->mutable_read_mask()->add_paths(field);
    }
    return request;
  };
  return MeasureLoad(context, options, "GetKanban, 80 cards a column", std::string(kService) + "GetKanban",
                     pipeline::v1::GetKanbanResponse::default_instance(), kanban, page, "pgbench, SELECT of 80 leads",
                     figures);
}

}  // namespace embudo::bench
