#include "services/automation/rpc/custom_field_check.h"

#include <chrono>
#include <set>
#include <string>
#include <utility>

#include "common/base/error.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "services/automation/events/run_context.h"

namespace embudo::automation {
namespace {

constexpr char kListCustomFields[] = "embudo.pipeline.v1.CatalogService/ListCustomFields";
constexpr std::chrono::seconds kCallTimeout{5};

using Known = std::set<std::pair<type::v1::CustomField::Target, std::string>>;

absl::StatusOr<Known> ListKnown(rpc::Client& pipeline, const std::string& tenant) {
  Known known;
  pipeline::v1::ListCustomFieldsRequest request;
  request.set_page_size(1000);
  do {
    EMBUDO_ASSIGN_OR_RETURN(const auto page, pipeline.Call<pipeline::v1::ListCustomFieldsResponse>(
                                                 kListCustomFields, events::IdentityOf(tenant), request, kCallTimeout));
    for (const auto& field : page.custom_fields()) known.emplace(field.target(), field.key());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return known;
}

}  // namespace

absl::Status CheckCustomFields(rpc::Client& pipeline, const rpc::CallContext& call,
                               const std::vector<logic::CustomFieldUse>& uses) {
  if (uses.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const Known known, ListKnown(pipeline, call.tenant()));
  for (const logic::CustomFieldUse& use : uses) {
    if (known.contains({use.target, use.key})) continue;
    const bool of_leads = use.target == type::v1::CustomField::TARGET_LEAD;
    return InvalidField(use.path,
                        "there is no custom field \"" + use.key + "\" of " + (of_leads ? "leads" : "contacts"));
  }
  return absl::OkStatus();
}

}  // namespace embudo::automation
