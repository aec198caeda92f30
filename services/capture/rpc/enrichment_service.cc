#include "services/capture/rpc/enrichment_service.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_id.h"
#include "common/base/resource_name.h"
#include "embudo/capture/v1/enrichment_service.pb.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/capture/events/file_rows.h"
#include "services/capture/logic/enrichment.h"

namespace embudo::capture::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using type::v1::Lead;
using v1::Enrichment;
using v1::EnrichmentProvider;

constexpr size_t kCompaniesAtOnce = 1000;
constexpr int64_t kMostCompanies = 1000000;
constexpr int kLeftOutTold = 100;

resource::Rules ProviderRules(bool private_targets) {
  resource::Rules rules;
  rules.default_order = "rank";
  rules.prepare = [private_targets](const CallContext&, Message& after, const Message* before) -> absl::Status {
    auto& provider = static_cast<EnrichmentProvider&>(after);
    if (provider.has_delete_time()) return absl::OkStatus();
    if (before != nullptr && provider.has_company_list()) {
      // What a change of the record does not say, it does not lose.
      const auto& list = static_cast<const EnrichmentProvider&>(*before).company_list();
      auto& now = *provider.mutable_company_list();
      if (!now.has_load_time() && list.has_load_time()) {
        now.set_company_count(list.company_count());
        *now.mutable_load_time() = list.load_time();
      }
    }
    return logic::PrepareProvider(provider, private_targets);
  };
  return rules;
}

const ResourcePattern& FilePattern() {
  static const ResourcePattern pattern("files/{file}");
  return pattern;
}

/// Reads a file of companies into the provider's list, in the transaction of `connection`.
class CompanyLoader {
 public:
  CompanyLoader(db::Connection& connection, std::string tenant, const EnrichmentProvider& provider)
      : connection_(connection),
        tenant_(std::move(tenant)),
        provider_id_(IdOf(provider.name())),
        domain_column_(provider.company_list().domain_column()) {}

  absl::Status Load(events::FileRows& rows) {
    EMBUDO_ASSIGN_OR_RETURN(header_, rows.Header());
    const auto column = std::find(header_.begin(), header_.end(), domain_column_);
    if (column == header_.end()) return InvalidField("file", "has no column \"" + domain_column_ + "\"");
    const auto domain_cell = static_cast<size_t>(column - header_.begin());
    EMBUDO_RETURN_IF_ERROR(storage::EnrichmentStore::ClearCompanies(connection_, tenant_, provider_id_));
    for (text::CsvRow row;;) {
      EMBUDO_ASSIGN_OR_RETURN(const bool more, rows.Next(&row));
      if (!more) return Flush();
      EMBUDO_RETURN_IF_ERROR(Add(row, domain_cell));
    }
  }

  int64_t count() const { return count_; }
  int64_t left_out_count() const { return left_out_count_; }
  const std::vector<std::string>& left_out() const { return left_out_; }

 private:
  absl::Status Add(const text::CsvRow& row, size_t domain_cell) {
    const std::string domain = domain_cell < row.cells.size() ? logic::DomainOfCell(row.cells[domain_cell]) : "";
    if (domain.empty()) {
      LeaveOut("row " + std::to_string(row.number) + ", column \"" + domain_column_ + "\": is no domain");
      return absl::OkStatus();
    }
    nlohmann::json cells = nlohmann::json::object();
    for (size_t i = 0; i < std::min(row.cells.size(), header_.size()); ++i) cells[header_[i]] = row.cells[i];
    batch_.push_back({domain, cells.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)});
    if (count_ + static_cast<int64_t>(batch_.size()) > kMostCompanies) {
      return InvalidField("file", "has more than " + std::to_string(kMostCompanies) + " companies");
    }
    return batch_.size() < kCompaniesAtOnce ? absl::OkStatus() : Flush();
  }

  absl::Status Flush() {
    if (batch_.empty()) return absl::OkStatus();
    EMBUDO_ASSIGN_OR_RETURN(const int64_t added,
                            storage::EnrichmentStore::AddCompanies(connection_, tenant_, provider_id_, batch_));
    count_ += added;
    const auto twice = static_cast<int64_t>(batch_.size()) - added;
    if (twice > 0) left_out_count_ += twice;
    batch_.clear();
    return absl::OkStatus();
  }

  void LeaveOut(std::string why) {
    ++left_out_count_;
    if (left_out_.size() < kLeftOutTold) left_out_.push_back(std::move(why));
  }

  db::Connection& connection_;
  const std::string tenant_;
  const std::string provider_id_;
  const std::string domain_column_;
  std::vector<std::string> header_;
  std::vector<storage::Company> batch_;
  int64_t count_ = 0;
  int64_t left_out_count_ = 0;
  std::vector<std::string> left_out_;
};

absl::StatusOr<v1::LoadCompanyListResponse> LoadCompanyList(EnrichmentRoom& room, const CallContext& call,
                                                            const v1::LoadCompanyListRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, room.providers.Load(call, request.name()));
  const auto& provider = static_cast<const EnrichmentProvider&>(*record.message);
  if (!provider.has_company_list()) return InvalidField("name", "is a service on the web, and has no list");
  EMBUDO_ASSIGN_OR_RETURN(const auto ids, ParseName(FilePattern(), request.file(), "file"));
  EMBUDO_RETURN_IF_ERROR(room.files.Get(call.tenant(), ids[0], call.deadline).status());
  v1::LoadCompanyListResponse response;
  const auto load = [&](db::Connection& connection) -> absl::Status {
    CompanyLoader loader(connection, call.tenant(), provider);
    events::FileRows rows(room.files, call.tenant(), ids[0], v1::ImportFormat());
    EMBUDO_RETURN_IF_ERROR(loader.Load(rows));
    response.set_company_count(loader.count());
    response.set_left_out_count(loader.left_out_count());
    response.mutable_left_out()->Assign(loader.left_out().begin(), loader.left_out().end());
    return absl::OkStatus();
  };
  EMBUDO_RETURN_IF_ERROR(db::RunInTx(room.pool, call.tenant(), call.deadline, load));
  const Time now = room.clock.Now();
  const auto tell = [&](Message& after, resource::Effects&) {
    v1::CompanyList& list = *static_cast<EnrichmentProvider&>(after).mutable_company_list();
    list.set_company_count(response.company_count());
    *list.mutable_load_time() = ToTimestamp(now);
    return absl::OkStatus();
  };
  EMBUDO_RETURN_IF_ERROR(room.providers.Modify(call, request.name(), "", request, type::v1::EVENT_TYPE_UNSPECIFIED,
                                               tell, *response.mutable_enrichment_provider()));
  return response;
}

absl::StatusOr<Enrichment> EnrichLead(EnrichmentRoom& room, const CallContext& call,
                                      const v1::EnrichLeadRequest& request) {
  Enrichment response;
  const absl::Status unknown = absl::NotFoundError("");
  if (room.enrichments.FirstAnswerOr(call, request, unknown, response).ok()) return response;
  pipeline::v1::GetLeadRequest get;
  get.set_name(request.lead());
  EMBUDO_ASSIGN_OR_RETURN(const Lead lead,
                          room.pipeline.Call<Lead>("embudo.pipeline.v1.LeadService/GetLead", call.identity, get));
  if (!request.force()) {
    EMBUDO_ASSIGN_OR_RETURN(
        const std::optional<Enrichment> last,
        room.store.LastOf(call.tenant(), IdOf(lead.name()), logic::CompanyKeyOf(lead).domain, call.deadline));
    if (last) return *last;
  }
  EMBUDO_ASSIGN_OR_RETURN(Enrichment enrichment, room.enricher.Enrich(call, lead));
  enrichment.set_name("enrichments/" + Uuid::V7(room.clock.Now()).ToString());
  auto made = std::make_unique<Enrichment>(std::move(enrichment));
  EMBUDO_RETURN_IF_ERROR(room.enrichments.WriteNew(call, std::move(made), request, response));
  return response;
}

absl::StatusOr<v1::EnrichmentUsage> GetUsage(EnrichmentRoom& room, const CallContext& call,
                                             const v1::GetEnrichmentUsageRequest&) {
  const Time now = room.clock.Now();
  EMBUDO_ASSIGN_OR_RETURN(const int64_t used, room.store.Spent(call.tenant(), now, call.deadline));
  EMBUDO_ASSIGN_OR_RETURN(const v1::CaptureSettings settings, room.settings.Get(call.tenant(), call.deadline));
  v1::EnrichmentUsage usage;
  usage.set_month(FormatTime(now).substr(0, 7));
  usage.set_used_credits(used);
  if (settings.has_monthly_enrichment_credits()) usage.set_monthly_credits(settings.monthly_enrichment_credits());
  return usage;
}

}  // namespace

EnrichmentRoom::EnrichmentRoom(db::Pool& a_pool, resource::Writer& a_writer, embudo::rpc::Client& pipeline_client,
                               const Clock& a_clock, const events::EnricherOptions& options)
    : pool(a_pool),
      pipeline(pipeline_client),
      clock(a_clock),
      store(pool),
      settings(pool),
      files(pool),
      providers(storage::EnrichmentProviderTable(), ProviderRules(options.private_targets), pool, a_writer, clock),
      enrichments(storage::EnrichmentTable(), {.default_order = "create_time desc"}, pool, a_writer, clock),
      enricher(store, settings, pipeline, clock, options) {}

std::unique_ptr<embudo::rpc::Service> MakeEnrichmentService(EnrichmentRoom& room) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::EnrichLeadRequest::descriptor()->file()->service(0));
  const auto serve = [&]<class Request, class Response>(
                         const char* method,
                         absl::StatusOr<Response> (*handler)(EnrichmentRoom&, const CallContext&, const Request&)) {
    service->Unary<Request, Response>(method, [&room, handler](const CallContext& call, const Request& request) {
      return handler(room, call, request);
    });
  };
  serve("LoadCompanyList", LoadCompanyList);
  serve("EnrichLead", EnrichLead);
  serve("GetEnrichmentUsage", GetUsage);
  room.providers.Bind(*service);
  room.enrichments.Bind(*service);
  return service;
}

}  // namespace embudo::capture::rpc
