// Rules of leads.

#include "common/base/error.h"
#include "embudo/type/v1/contact.pb.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Rules;
using namespace type::v1;  // NOLINT(google-build-using-namespace): the resources and their events

}  // namespace

Rules Records::LeadRules() {
  Rules rules;
  rules.created = EVENT_TYPE_LEAD_CREATED;
  rules.updated = EVENT_TYPE_LEAD_UPDATED;
  rules.deleted = EVENT_TYPE_LEAD_DELETED;
  rules.default_order = "create_time desc";
  rules.case_insensitive = {"email", "source", "medium", "campaign"};
  rules.visible = [this](const CallContext& call, const Message& record) {
    return MaySee(call, static_cast<const Lead&>(record));
  };
  rules.writable = [this](const CallContext& call, const Message& record) {
    return CheckMayEdit(call, static_cast<const Lead&>(record));
  };
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) -> absl::Status {
    auto& lead = static_cast<Lead&>(after);
    return WithScene(call, [&](const logic::Scene& scene) -> absl::Status {
      const auto* old = static_cast<const Lead*>(before);
      EMBUDO_RETURN_IF_ERROR(old == nullptr ? logic::PrepareNew(scene, lead)
                                            : logic::PrepareChanged(scene, *old, lead));
      // What is known of the contact and the company flows into what the lead leaves open.
      for (const auto& [field, name, same] :
           {std::tuple("lead.contact", lead.contact(), old != nullptr && old->contact() == lead.contact()),
            std::tuple("lead.company", lead.company(), old != nullptr && old->company() == lead.company())}) {
        if (name.empty() || same) continue;
        absl::StatusOr<resource::Record> loaded = contacts_.Load(call, name);
        if (!loaded.ok()) return InvalidField(field, "there is no " + name);
        logic::FillFromContact(static_cast<const Contact&>(*loaded->message), lead);
      }
      return absl::OkStatus();
    });
  };
  return rules;
}

}  // namespace embudo::pipeline::rpc
