#include "services/capture/rpc/duplicates.h"

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_id.h"
#include "common/base/resource_name.h"
#include "common/text/email.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/capture/logic/match.h"
#include "services/capture/logic/policy.h"
#include "services/capture/rpc/paging.h"

namespace embudo::capture::rpc {
namespace {

using embudo::rpc::CallContext;
using type::v1::Lead;

/// The lead as the caller may see it, or the draft.
absl::StatusOr<Lead> LeadOf(Room& room, const CallContext& call, const v1::FindDuplicatesRequest& request) {
  static const ResourcePattern kLead("leads/{lead}");
  if (request.lead().empty() == !request.has_draft()) {
    return InvalidField("draft", "either a lead or a draft is required, not both");
  }
  if (!request.lead().empty()) {
    EMBUDO_RETURN_IF_ERROR(ParseName(kLead, request.lead(), "lead").status());
    pipeline::v1::GetLeadRequest get;
    get.set_name(request.lead());
    return room.pipeline.Call<Lead>("embudo.pipeline.v1.LeadService/GetLead", call.identity, get);
  }
  Lead draft = request.draft();
  if (!draft.email().empty()) {
    const auto email = text::NormaliseEmail(draft.email());
    if (!email.ok()) return InvalidField("draft.email", MessageOf(email.status()));
    draft.set_email(*email);
  }
  return draft;
}

/// Those that the caller may see.
absl::Status RemoveUnseen(Room& room, const CallContext& call, std::vector<v1::Duplicate>* duplicates) {
  std::erase_if(*duplicates, [&](const v1::Duplicate& duplicate) {
    pipeline::v1::GetLeadRequest get;
    get.set_name(duplicate.lead());
    return !room.pipeline.Call<Lead>("embudo.pipeline.v1.LeadService/GetLead", call.identity, get).ok();
  });
  return absl::OkStatus();
}

v1::CaptureSettings WithDefaults(v1::CaptureSettings settings) {
  const auto& rules = logic::DefaultRules();
  settings.mutable_default_duplicate_rules()->Add(rules.begin(), rules.end());
  return settings;
}

}  // namespace

absl::StatusOr<v1::FindDuplicatesResponse> FindDuplicates(Room& room, const CallContext& call,
                                                          const v1::FindDuplicatesRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const Lead lead, LeadOf(room, call, request));
  EMBUDO_ASSIGN_OR_RETURN(const std::string region, room.regions.Of(call.identity));
  EMBUDO_ASSIGN_OR_RETURN(
      const std::vector<logic::Found> found,
      room.submissions.FindLike(call.tenant(), logic::SearchKeys(lead, region),
                                request.lead().empty() ? "" : IdOf(lead.name()), request.open_only(), call.deadline));
  std::vector<v1::Duplicate> duplicates = logic::Judge(lead, found);
  const auto most = static_cast<size_t>(PageSize(request.max_results(), 20, 100));
  if (duplicates.size() > most) duplicates.resize(most);
  const bool sees_all = call.identity.Has(type::v1::ROLE_MANAGER) || call.identity.Has(type::v1::ROLE_ADMIN) ||
                        call.identity.Has(type::v1::ROLE_SERVICE);
  if (!sees_all) EMBUDO_RETURN_IF_ERROR(RemoveUnseen(room, call, &duplicates));
  v1::FindDuplicatesResponse response;
  response.mutable_duplicates()->Add(duplicates.begin(), duplicates.end());
  for (const std::string& warning : logic::WarningsOf(lead)) response.add_warnings(warning);
  return response;
}

absl::StatusOr<v1::CaptureSettings> GetCaptureSettings(Room& room, const CallContext& call,
                                                       const v1::GetCaptureSettingsRequest&) {
  EMBUDO_ASSIGN_OR_RETURN(v1::CaptureSettings settings, room.settings.Get(call.tenant(), call.deadline));
  return WithDefaults(std::move(settings));
}

absl::StatusOr<v1::CaptureSettings> UpdateCaptureSettings(Room& room, const CallContext& call,
                                                          const v1::UpdateCaptureSettingsRequest& request) {
  EMBUDO_RETURN_IF_ERROR(logic::CheckRules(request.settings().duplicate_rules(), "settings.duplicate_rules"));
  if (request.validate_only()) {
    EMBUDO_ASSIGN_OR_RETURN(const v1::CaptureSettings now, room.settings.Get(call.tenant(), call.deadline));
    const std::string& etag = request.settings().etag();
    if (!etag.empty() && etag != now.etag()) return StaleEtag("captureSettings");
    return WithDefaults(request.settings());
  }
  EMBUDO_ASSIGN_OR_RETURN(v1::CaptureSettings settings,
                          room.settings.Save(call.tenant(), request.settings(), call.deadline));
  return WithDefaults(std::move(settings));
}

}  // namespace embudo::capture::rpc
