#include "services/capture/events/lead_calls.h"

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_id.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/message_service.pb.h"
#include "embudo/pipeline/v1/tenant_service.pb.h"
#include "embudo/pipeline/v1/touch_service.pb.h"

namespace embudo::capture::events {
namespace {

namespace api = pipeline::v1;
using type::v1::Lead;

constexpr std::chrono::seconds kKeepRegion{60};

/// A record under a lead that is there already was added by an earlier run.
absl::Status OkIfThere(const absl::Status& status) {
  return status.code() == absl::StatusCode::kAlreadyExists ? absl::OkStatus() : status;
}

api::ReceiveLeadRequest RequestOf(const LeadCalls::Arrival& arrival) {
  api::ReceiveLeadRequest request;
  *request.mutable_lead() = *arrival.lead;
  request.set_lead_id(arrival.id);
  *request.mutable_touch() = arrival.touch;
  request.set_touch_id(arrival.touch_id);
  for (const auto& [id, message] : arrival.entries) {
    auto* entry = request.add_entries();
    entry->set_message_id(id);
    *entry->mutable_message() = message;
  }
  if (arrival.match_email) request.add_match(api::ReceiveLeadRequest::MATCH_EMAIL);
  if (arrival.match_phone) request.add_match(api::ReceiveLeadRequest::MATCH_PHONE);
  request.set_request_id(arrival.request_id);
  return request;
}

}  // namespace

absl::StatusOr<LeadCalls::Seen> LeadCalls::See(const std::string& id) {
  api::GetLeadRequest request;
  request.set_name("leads/" + id);
  const auto lead = pipeline_.Call<Lead>("embudo.pipeline.v1.LeadService/GetLead", identity_, request);
  if (lead.status().code() == absl::StatusCode::kNotFound) return Seen{State::kMissing, id};
  if (!lead.ok()) return lead.status();
  const bool open = lead->state() == Lead::STATE_OPEN && !lead->has_delete_time();
  return Seen{open ? State::kOpen : State::kClosed, IdOf(lead->name())};
}

absl::StatusOr<std::string> LeadCalls::FindByEmail(const std::string& email) {
  // The filter language has no way to write a quote in quotes; such addresses are found by their key alone.
  if (email.empty() || email.find_first_of("\"\\") != std::string::npos) return std::string();
  api::ListLeadsRequest request;
  request.set_page_size(1);
  request.set_filter("email = \"" + email + "\" AND state = OPEN");
  EMBUDO_ASSIGN_OR_RETURN(
      const api::ListLeadsResponse response,
      pipeline_.Call<api::ListLeadsResponse>("embudo.pipeline.v1.LeadService/ListLeads", identity_, request));
  return response.leads_size() == 0 ? std::string() : IdOf(response.leads(0).name());
}

absl::StatusOr<std::string> LeadCalls::FindByExternalId(const Lead& lead) {
  // An upsert that is only validated tells which record it would change.
  api::BulkUpsertLeadsRequest request;
  request.set_validate_only(true);
  for (const auto& id : lead.external_ids()) {
    Lead& item = *request.add_items()->mutable_lead();
    item.set_display_name(lead.display_name());
    *item.add_external_ids() = id;
  }
  EMBUDO_ASSIGN_OR_RETURN(const auto response,
                          pipeline_.Call<api::BulkUpsertLeadsResponse>("embudo.pipeline.v1.LeadService/BulkUpsertLeads",
                                                                       identity_, request));
  for (const api::BulkResult& result : response.results()) {
    const bool there =
        result.outcome() == api::BulkResult::OUTCOME_UNCHANGED || result.outcome() == api::BulkResult::OUTCOME_UPDATED;
    if (there) return IdOf(result.name());
  }
  return std::string();
}

absl::StatusOr<LeadCalls::Received> LeadCalls::Receive(const Arrival& arrival) {
  const api::ReceiveLeadRequest request = RequestOf(arrival);
  const auto received =
      pipeline_.Call<api::ReceiveLeadResponse>("embudo.pipeline.v1.LeadService/ReceiveLead", identity_, request);
  if (received.ok() && received->matched()) return Received{Made::kMatched, IdOf(received->lead().name())};
  if (received.ok()) return Received{};
  if (received.status().code() != absl::StatusCode::kAlreadyExists) return received.status();
  EMBUDO_ASSIGN_OR_RETURN(const Seen seen, See(arrival.id));
  return Received{seen.state == State::kMissing ? Made::kIdTaken : Made::kBefore, ""};
}

absl::StatusOr<std::vector<bool>> LeadCalls::ReceiveAll(const std::vector<Arrival>& arrivals) {
  api::BulkReceiveLeadsRequest request;
  for (const Arrival& arrival : arrivals) *request.add_items() = RequestOf(arrival);
  EMBUDO_ASSIGN_OR_RETURN(const auto response,
                          pipeline_.Call<api::BulkReceiveLeadsResponse>(
                              "embudo.pipeline.v1.LeadService/BulkReceiveLeads", identity_, request));
  std::vector<bool> made;
  for (const auto& result : response.results()) made.push_back(!result.has_error() && !result.matched());
  if (made.size() != arrivals.size()) return Internal("the pipeline service answered another number of leads");
  return made;
}

absl::StatusOr<std::vector<std::string>> LeadCalls::AttachAll(const std::vector<Addition>& additions) {
  api::BulkCreateTouchesRequest request;
  for (const Addition& addition : additions) {
    auto* item = request.add_items();
    item->set_parent("leads/" + addition.lead);
    *item->mutable_touch() = addition.touch;
    item->set_touch_id(addition.touch_id);
    if (!addition.entry) continue;
    auto* entry = item->add_entries();
    entry->set_message_id(addition.entry->first);
    *entry->mutable_message() = addition.entry->second;
  }
  EMBUDO_ASSIGN_OR_RETURN(const auto response,
                          pipeline_.Call<api::BulkCreateTouchesResponse>(
                              "embudo.pipeline.v1.TouchService/BulkCreateTouches", identity_, request));
  std::vector<std::string> leads;
  for (const auto& result : response.results()) leads.push_back(result.lead().empty() ? "" : IdOf(result.lead()));
  if (leads.size() != additions.size()) return Internal("the pipeline service answered another number of leads");
  return leads;
}

absl::Status LeadCalls::AddTouch(const std::string& lead, const type::v1::Touch& touch, const std::string& id) {
  api::CreateTouchRequest request;
  request.set_parent("leads/" + lead);
  *request.mutable_touch() = touch;
  request.set_touch_id(id);
  request.set_request_id(id);
  return OkIfThere(
      pipeline_.Call<type::v1::Touch>("embudo.pipeline.v1.TouchService/CreateTouch", identity_, request).status());
}

absl::Status LeadCalls::AddMessage(const std::string& lead, const type::v1::Message& message, const std::string& id) {
  api::CreateMessageRequest request;
  request.set_parent("leads/" + lead);
  *request.mutable_message() = message;
  request.set_message_id(id);
  request.set_request_id(id);
  return OkIfThere(
      pipeline_.Call<type::v1::Message>("embudo.pipeline.v1.MessageService/CreateMessage", identity_, request)
          .status());
}

absl::StatusOr<std::string> LeadCalls::Merge(const std::vector<std::string>& leads, const std::string& request_id) {
  api::MergeLeadsRequest request;
  for (const std::string& lead : leads) request.add_names("leads/" + lead);
  request.set_request_id(request_id);
  EMBUDO_ASSIGN_OR_RETURN(const Lead survivor,
                          pipeline_.Call<Lead>("embudo.pipeline.v1.LeadService/MergeLeads", identity_, request));
  return IdOf(survivor.name());
}

absl::StatusOr<std::string> Regions::Of(const embudo::rpc::Identity& identity) {
  const auto now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(identity.tenant);
    if (known != known_.end() && now < known->second.expires) return known->second.region;
  }
  api::GetTenantRequest request;
  request.set_name("tenants/" + identity.tenant);
  EMBUDO_ASSIGN_OR_RETURN(
      const type::v1::Tenant tenant,
      pipeline_.Call<type::v1::Tenant>("embudo.pipeline.v1.TenantService/GetTenant", identity, request));
  const std::lock_guard lock(mutex_);
  known_[identity.tenant] = {tenant.region_code(), now + kKeepRegion};
  return tenant.region_code();
}

}  // namespace embudo::capture::events
