// Rules of contacts.

#include <algorithm>

#include "common/base/error.h"
#include "embudo/type/v1/contact.pb.h"
#include "services/pipeline/logic/contact_rules.h"
#include "services/pipeline/logic/custom_fields.h"
#include "services/pipeline/rpc/contact_effects.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Rules;
using namespace type::v1;  // NOLINT(google-build-using-namespace): the resources and their events

absl::Status CheckCompany(Records& records, const CallContext& call, Contact& contact) {
  absl::StatusOr<resource::Record> company = records.contacts().Load(call, contact.company());
  if (!company.ok()) return InvalidField("contact.company", "there is no " + contact.company());
  if (static_cast<const Contact&>(*company->message).kind() != Contact::KIND_COMPANY) {
    return InvalidField("contact.company", contact.company() + " is a person");
  }
  // The name of a merged one is that of the company that took it in.
  contact.set_company(resource::NameOf(*company->message));
  if (contact.kind() == Contact::KIND_PERSON) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const auto above, CompanyAndParents(records, call, contact.company()));
  if (std::find(above.begin(), above.end(), contact.name()) == above.end()) return absl::OkStatus();
  return InvalidField("contact.company", contact.company() + " belongs to this company itself");
}

}  // namespace

Rules Records::ContactRules() {
  Rules rules;
  rules.created = EVENT_TYPE_CONTACT_CREATED;
  rules.updated = EVENT_TYPE_CONTACT_UPDATED;
  rules.deleted = EVENT_TYPE_CONTACT_DELETED;
  rules.default_order = "display_name";
  rules.case_insensitive = {"email", "other_emails"};
  rules.referenced_by = {
      {"pipeline.lead", {"contact_id"}, "leads"},       {"pipeline.lead", {"company_id"}, "leads"},
      {"pipeline.contact", {"company_id"}, "contacts"}, {"pipeline.quote", {"contact_id"}, "quotes"},
      {"pipeline.quote", {"company_id"}, "quotes"},     {"pipeline.\"order\"", {"contact_id"}, "orders"},
      {"pipeline.\"order\"", {"company_id"}, "orders"}};
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) -> absl::Status {
    auto& contact = static_cast<Contact&>(after);
    if (contact.has_delete_time()) return absl::OkStatus();
    if (contact.kind() == Contact::KIND_UNSPECIFIED) contact.set_kind(Contact::KIND_PERSON);
    EMBUDO_ASSIGN_OR_RETURN(const auto catalog, catalogs_.Get(call.tenant(), call.deadline));
    EMBUDO_RETURN_IF_ERROR(logic::NormaliseContact(*catalog, contact));
    const auto* old = static_cast<const Contact*>(before);
    EMBUDO_RETURN_IF_ERROR(
        logic::CheckCustomFields(catalog->contact_fields, call.identity.origin, "contact.custom_fields",
                                 old == nullptr ? nullptr : &old->custom_fields(), *contact.mutable_custom_fields()));
    const bool same = old != nullptr && old->company() == contact.company();
    return contact.company().empty() || same ? absl::OkStatus() : CheckCompany(*this, call, contact);
  };
  rules.effects = [this](const CallContext& call, const Message& after, const Message* before,
                         resource::Effects& effects) -> absl::Status {
    const auto& contact = static_cast<const Contact&>(after);
    if (before == nullptr || contact.has_delete_time()) return absl::OkStatus();
    return ContactEffects(*this, call, contact, static_cast<const Contact&>(*before), effects);
  };
  return rules;
}

}  // namespace embudo::pipeline::rpc
