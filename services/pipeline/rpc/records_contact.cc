// Rules of contacts.

#include "common/base/error.h"
#include "common/text/email.h"
#include "common/text/phone.h"
#include "embudo/type/v1/contact.pb.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Rules;
using namespace type::v1;  // NOLINT(google-build-using-namespace): the resources and their events

}  // namespace

Rules Records::ContactRules() {
  Rules rules;
  rules.created = EVENT_TYPE_CONTACT_CREATED;
  rules.updated = EVENT_TYPE_CONTACT_UPDATED;
  rules.deleted = EVENT_TYPE_CONTACT_DELETED;
  rules.default_order = "display_name";
  rules.case_insensitive = {"email"};
  rules.referenced_by = {{"pipeline.lead", {"contact_id"}, "leads"},
                         {"pipeline.lead", {"company_id"}, "leads"},
                         {"pipeline.contact", {"company_id"}, "contacts"}};
  rules.prepare = [this](const CallContext& call, Message& after, const Message*) -> absl::Status {
    auto& contact = static_cast<Contact&>(after);
    if (contact.kind() == Contact::KIND_UNSPECIFIED) contact.set_kind(Contact::KIND_PERSON);
    EMBUDO_ASSIGN_OR_RETURN(const auto catalog, catalogs_.Get(call.tenant(), call.deadline));
    if (!contact.email().empty()) {
      auto email = text::NormaliseEmail(contact.email());
      if (!email.ok()) return InvalidField("contact.email", MessageOf(email.status()));
      contact.set_email(*email);
    }
    contact.set_phone(text::NormalisePhone(contact.phone(), catalog->tenant.region_code()));
    if (contact.has_annual_revenue() && contact.annual_revenue().currency_code().empty()) {
      contact.mutable_annual_revenue()->set_currency_code(catalog->tenant.currency_code());
    }
    if (contact.company().empty()) return absl::OkStatus();
    absl::StatusOr<resource::Record> company = contacts_.Load(call, contact.company());
    if (!company.ok()) return InvalidField("contact.company", "there is no " + contact.company());
    return absl::OkStatus();
  };
  return rules;
}

}  // namespace embudo::pipeline::rpc
