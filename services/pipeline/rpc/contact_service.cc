#include "common/base/error.h"
#include "embudo/type/v1/contact.pb.h"
#include "services/pipeline/rpc/bulk_upsert.h"
#include "services/pipeline/rpc/lead_service.h"
#include "services/pipeline/rpc/pending.h"
#include "services/pipeline/rpc/services.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using type::v1::Contact;

absl::StatusOr<v1::BulkUpsertContactsResponse> BulkUpsertContacts(Records& records, const CallContext& caller,
                                                                  const v1::BulkUpsertContactsRequest& request) {
  CallContext call = caller;
  call.identity.origin = request.origin() == type::v1::ORIGIN_UNSPECIFIED ? type::v1::ORIGIN_IMPORT : request.origin();
  std::vector<const Message*> items;
  for (const Contact& contact : request.contacts()) items.push_back(&contact);
  const BulkRules rules{
      [&](const Message& given) -> absl::StatusOr<resource::Change> {
        auto contact = std::make_unique<Contact>(static_cast<const Contact&>(given));
        if (contact->display_name().empty()) return InvalidField("contact.display_name", "is required");
        contact->set_name("contacts/" + Uuid::V7(records.clock().Now()).ToString());
        return records.contacts().NewChange(call, std::move(contact), v1::GetContactRequest());
      },
      [&](const resource::Record& before, const Message& given) -> absl::StatusOr<std::optional<resource::Change>> {
        auto contact = std::make_unique<Contact>(static_cast<const Contact&>(*before.message));
        Overlay(given, contact.get());
        EMBUDO_RETURN_IF_ERROR(records.contacts().rules().prepare(call, *contact, before.message.get()));
        return records.contacts().ChangeOf(call, before, std::move(contact), type::v1::EVENT_TYPE_CONTACT_UPDATED);
      }};
  EMBUDO_ASSIGN_OR_RETURN(
      std::vector<v1::BulkResult> results,
      BulkUpsert(records.pool(), records.writer(), call, storage::ContactTable(), items, rules, false));
  v1::BulkUpsertContactsResponse response;
  for (v1::BulkResult& result : results) *response.add_results() = std::move(result);
  return response;
}

std::unique_ptr<embudo::rpc::Service> MakeContactService(Records& records) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetContactRequest::descriptor()->file()->service(0));
  service->Unary<v1::BulkUpsertContactsRequest, v1::BulkUpsertContactsResponse>(
      "BulkUpsertContacts", [&records](const CallContext& call, const v1::BulkUpsertContactsRequest& request) {
        return BulkUpsertContacts(records, call, request);
      });
  records.contacts().Bind(*service);
  Pending(*service);
  return service;
}

}  // namespace embudo::pipeline::rpc
