// Rules of leads.

#include <algorithm>
#include <tuple>

#include "common/base/error.h"
#include "embudo/type/v1/contact.pb.h"
#include "services/pipeline/logic/derived.h"
#include "services/pipeline/logic/rank.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Rules;
using namespace type::v1;  // NOLINT(google-build-using-namespace): the resources and their events

}  // namespace

absl::Status Records::PrepareLead(const CallContext& call, Lead& lead, const Lead* before,
                                  const std::vector<const Contact*>& created) {
  const std::string id = lead.name().substr(lead.name().find('/') + 1);
  const absl::Status ruled = WithScene(call, [&](const logic::Scene& scene) -> absl::Status {
    if (before != nullptr) {
      EMBUDO_RETURN_IF_ERROR(logic::PrepareChanged(scene, *before, lead));
      // Whatever brings a card to another column brings it to the top, unless it says where.
      if (lead.stage() != before->stage() && lead.rank() == before->rank()) {
        lead.set_rank(logic::FreshRank(scene.now, id));
      }
      return absl::OkStatus();
    }
    EMBUDO_RETURN_IF_ERROR(logic::PrepareNew(scene, lead));
    lead.set_rank(logic::FreshRank(FromTimestamp(lead.create_time()), id));
    return absl::OkStatus();
  });
  EMBUDO_RETURN_IF_ERROR(ruled);
  // What is known of the contact and the company flows into what the lead leaves open.
  for (const auto& [field, name, same] :
       {std::tuple("lead.contact", lead.contact(), before != nullptr && before->contact() == lead.contact()),
        std::tuple("lead.company", lead.company(), before != nullptr && before->company() == lead.company())}) {
    if (name.empty() || same) continue;
    const auto own = std::find_if(created.begin(), created.end(),
                                  [&name = name](const Contact* contact) { return contact->name() == name; });
    if (own != created.end()) {
      logic::FillFromContact(**own, lead);
      continue;
    }
    absl::StatusOr<resource::Record> loaded = contacts_.Load(call, name);
    if (!loaded.ok()) return InvalidField(field, "there is no " + name);
    logic::FillFromContact(static_cast<const Contact&>(*loaded->message), lead);
  }
  return absl::OkStatus();
}

Rules Records::LeadRules() {
  Rules rules;
  rules.created = EVENT_TYPE_LEAD_CREATED;
  rules.updated = EVENT_TYPE_LEAD_UPDATED;
  rules.deleted = EVENT_TYPE_LEAD_DELETED;
  rules.default_order = "create_time desc";
  rules.case_insensitive = {"email", "source", "medium", "campaign"};
  rules.referenced_by = {{"pipeline.\"order\"", {"lead_id"}, "orders"}};
  rules.visible = [this](const CallContext& call, const Message& record) {
    return MaySee(call, static_cast<const Lead&>(record));
  };
  rules.visible_sql = [this](const CallContext& call, db::Params& params) -> absl::StatusOr<std::string> {
    return SightOf(call).Sql("t", params);
  };
  rules.writable = [this](const CallContext& call, const Message& record) {
    return CheckMayEdit(call, static_cast<const Lead&>(record));
  };
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) {
    return PrepareLead(call, static_cast<Lead&>(after), static_cast<const Lead*>(before));
  };
  rules.inserting = [this](const CallContext& call, Message& record) {
    return SeeUtmOf(call, {static_cast<const Lead*>(&record)});
  };
  rules.derived_from = {"stage",       "stage_enter_time",  "state", "converted_expected_revenue",
                        "probability", "next_activity_date"};
  rules.derive = [this](const CallContext& call, Message& record) {
    const auto catalog = catalogs_.Get(call.tenant(), call.deadline);
    // Without the tenant's configuration an answer is the record alone.
    if (!catalog.ok()) return;
    logic::Derive({**catalog, clock_.Now(), call.identity.actor, call.identity.origin}, static_cast<Lead&>(record));
  };
  return rules;
}

}  // namespace embudo::pipeline::rpc
