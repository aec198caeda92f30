#include "services/pipeline/rpc/contact_service.h"

#include "common/base/error.h"
#include "embudo/type/v1/contact.pb.h"
#include "services/pipeline/rpc/bulk_upsert.h"
#include "services/pipeline/rpc/contact_effects.h"
#include "services/pipeline/rpc/import_fields.h"
#include "services/pipeline/rpc/lead_service.h"
#include "services/pipeline/rpc/services.h"
#include "services/pipeline/rpc/suppression.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using type::v1::Contact;

absl::StatusOr<v1::BulkUpsertContactsResponse> BulkUpsertContacts(Records& records, const CallContext& caller,
                                                                  const v1::BulkUpsertContactsRequest& request) {
  CallContext call = caller;
  call.identity.origin = request.origin() == type::v1::ORIGIN_UNSPECIFIED ? type::v1::ORIGIN_IMPORT : request.origin();
  // The last change of each, for its leads.
  std::map<std::string, std::pair<Contact, Contact>> changed;
  std::vector<const Message*> items;
  std::vector<const logic::CustomValues*> values;
  for (const Contact& contact : request.contacts()) {
    items.push_back(&contact);
    values.push_back(&contact.custom_fields());
  }
  EMBUDO_RETURN_IF_ERROR(DefineImportedFields(records, call, type::v1::CustomField::TARGET_CONTACT, values));
  EMBUDO_ASSIGN_OR_RETURN(const Suppressed suppressed, Suppressed::Among(records, call, items));
  const BulkRules rules{
      [&](const Message& given) -> absl::StatusOr<resource::Change> {
        EMBUDO_RETURN_IF_ERROR(suppressed.Check(given));
        auto contact = std::make_unique<Contact>(static_cast<const Contact&>(given));
        if (contact->display_name().empty()) return InvalidField("contact.display_name", "is required");
        contact->set_name("contacts/" + Uuid::V7(records.clock().Now()).ToString());
        return records.contacts().NewChange(call, std::move(contact), v1::GetContactRequest());
      },
      [&](const resource::Record& before, const Message& given) -> absl::StatusOr<std::optional<resource::Change>> {
        EMBUDO_RETURN_IF_ERROR(suppressed.Check(given, before.message.get()));
        auto contact = std::make_unique<Contact>(static_cast<const Contact&>(*before.message));
        Overlay(given, contact.get());
        EMBUDO_RETURN_IF_ERROR(records.contacts().rules().prepare(call, *contact, before.message.get()));
        changed[contact->name()] = {static_cast<const Contact&>(*before.message), *contact};
        return records.contacts().ChangeOf(call, before, std::move(contact), type::v1::EVENT_TYPE_CONTACT_UPDATED);
      }};
  EMBUDO_ASSIGN_OR_RETURN(
      std::vector<v1::BulkResult> results,
      BulkUpsert(records.pool(), records.writer(), call, storage::ContactTable(), items, rules, false));
  v1::BulkUpsertContactsResponse response;
  for (v1::BulkResult& result : results) {
    const auto change = changed.find(result.name());
    if (result.outcome() == v1::BulkResult::OUTCOME_UPDATED && change != changed.end()) {
      EMBUDO_RETURN_IF_ERROR(FlowIntoMoreLeads(records, call, change->second.first, change->second.second));
    }
    *response.add_results() = std::move(result);
  }
  return response;
}

namespace {

absl::Status UpdateContact(Records& records, const CallContext& call, const Message& any, Message& response) {
  const auto& request = static_cast<const v1::UpdateContactRequest&>(any);
  EMBUDO_ASSIGN_OR_RETURN(const auto update, records.contacts().UpdateOf(request));
  Contact before;
  const absl::Status status = records.contacts().Modify(
      call, request.contact().name(), request.contact().etag(), request, type::v1::EVENT_TYPE_CONTACT_UPDATED,
      [&](Message& record, resource::Effects& effects) {
        before = static_cast<const Contact&>(record);
        return update(record, effects);
      },
      response);
  if (status.code() == absl::StatusCode::kNotFound && request.allow_missing()) {
    return records.contacts().Update(call, request, response);
  }
  EMBUDO_RETURN_IF_ERROR(status);
  const auto& after = static_cast<const Contact&>(response);
  // Not the first answer of a repeated call, nor one that changed nothing.
  const bool written =
      !request.validate_only() && !before.etag().empty() && std::stoll(after.etag()) == std::stoll(before.etag()) + 1;
  return written ? FlowIntoMoreLeads(records, call, before, after) : absl::OkStatus();
}

absl::StatusOr<Contact> UndeleteContact(Records& records, const CallContext& call,
                                        const v1::UndeleteContactRequest& request) {
  Contact response;
  const auto refuse = [&](const char* reason, const std::string& text) {
    return Error(absl::StatusCode::kFailedPrecondition, reason, request.name() + " " + text)
        .Meta("contact", request.name())
        .Violation("STATE", request.name(), text)
        .ToStatus();
  };
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record as_is, records.contacts().LoadAsIs(call, request.name()));
  if (!static_cast<const Contact&>(*as_is.message).merged_into().empty()) {
    return refuse("CONTACT_MERGED", "was taken in by another contact");
  }
  EMBUDO_RETURN_IF_ERROR(records.contacts().Modify(
      call, request.name(), request.etag(), request, type::v1::EVENT_TYPE_CONTACT_UNDELETED,
      [&](Message& record, resource::Effects&) -> absl::Status {
        auto& contact = static_cast<Contact&>(record);
        if (!contact.has_delete_time()) return refuse("CONTACT_NOT_DELETED", "is not deleted");
        contact.clear_delete_time();
        contact.clear_purge_time();
        // Its company may have gone meanwhile.
        const bool gone = !contact.company().empty() && !records.contacts().Load(call, contact.company()).ok();
        if (gone) contact.clear_company();
        return absl::OkStatus();
      },
      response, {.deleted_too = true}));
  return response;
}

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakeContactService(Records& records) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetContactRequest::descriptor()->file()->service(0));
  const auto custom = [&]<class Request, class Response>(
                          const char* method,
                          absl::StatusOr<Response> (*handler)(Records&, const CallContext&, const Request&)) {
    service->Unary<Request, Response>(method, [&records, handler](const CallContext& call, const Request& request) {
      return handler(records, call, request);
    });
  };
  custom("BulkUpsertContacts", BulkUpsertContacts);
  custom("UndeleteContact", UndeleteContact);
  custom("SearchContacts", SearchContacts);
  custom("FindDuplicateContacts", FindDuplicateContacts);
  custom("MergeContacts", MergeContacts);
  service->UnaryAny("UpdateContact", [&records](const CallContext& call, const Message& request, Message& response) {
    return UpdateContact(records, call, request, response);
  });
  service->UnaryAny("CreateContact", [&records](const CallContext& call, const Message& request, Message& response) {
    EMBUDO_RETURN_IF_ERROR(
        CheckNotSuppressed(records, call, static_cast<const v1::CreateContactRequest&>(request).contact()));
    return records.contacts().Create(call, request, response);
  });
  records.contacts().Bind(*service);
  return service;
}

}  // namespace embudo::pipeline::rpc
