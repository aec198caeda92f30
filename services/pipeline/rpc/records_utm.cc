// Rules of where leads come from: campaigns, UTM sources and mediums, and touches.

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "services/pipeline/logic/utm_rules.h"
#include "services/pipeline/rpc/records.h"
#include "services/pipeline/storage/touches.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Effects;
using resource::Rules;
using namespace type::v1;  // NOLINT(google-build-using-namespace): the resources and their events

/// Fills the code of a record of the catalogues, and looks whether another has it.
absl::Status PrepareCode(db::Pool& pool, const CallContext& call, const resource::Table& table, Message& after,
                         const Message* before) {
  std::string code = logic::UtmCode(resource::GetText(after, "code"));
  if (code.empty()) code = logic::UtmCode(resource::GetText(after, "display_name"));
  resource::SetText(&after, "code", code);
  if (before != nullptr && resource::GetText(*before, "code") == code) return absl::OkStatus();
  const std::string& id = table.key_columns().back();
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool, call.tenant(), call.deadline,
               "SELECT " + id + " FROM " + table.name() + " WHERE tenant_id = $1 AND code = $2 AND delete_time IS NULL",
               db::Params::Of(call.tenant(), code)));
  if (rows.empty()) return absl::OkStatus();
  const std::string other = table.pattern().Build({std::string(rows[0].Text(0))});
  if (other == resource::NameOf(after)) return absl::OkStatus();
  return AlreadyExists(table.resource_type(), other);
}

}  // namespace

Rules Records::UtmRules(const resource::Table& table, EventType created, EventType updated, EventType deleted) {
  Rules rules = ConfigurationRules(created, updated, deleted, {});
  rules.default_order = "code";
  rules.case_insensitive = {"code"};
  rules.prepare = [this, &table](const CallContext& call, Message& after, const Message* before) -> absl::Status {
    if (auto* campaign = dynamic_cast<Campaign*>(&after)) {
      EMBUDO_ASSIGN_OR_RETURN(const auto catalog, catalogs_.Get(call.tenant(), call.deadline));
      EMBUDO_RETURN_IF_ERROR(logic::PrepareCampaign(catalog->tenant.currency_code(), *campaign));
    }
    return PrepareCode(pool_, call, table, after, before);
  };
  return rules;
}

Rules Records::TouchRules() {
  Rules rules = UnderLead(EVENT_TYPE_TOUCH_CREATED, EVENT_TYPE_UNSPECIFIED, EVENT_TYPE_UNSPECIFIED);
  rules.default_order = "touch_time";
  rules.case_insensitive = {"source", "medium", "campaign"};
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) -> absl::Status {
    if (before != nullptr) return absl::OkStatus();
    EMBUDO_RETURN_IF_ERROR(PlaceUnderLead(call, /*edits=*/true, after).status());
    logic::PrepareTouch(static_cast<Touch&>(after));
    return absl::OkStatus();
  };
  rules.inserting = [this](const CallContext& call, Message& record) {
    return SeeUtmOf(call, {}, {static_cast<const Touch*>(&record)});
  };
  rules.effects = [this](const CallContext& call, const Message& after, const Message* before, Effects& effects) {
    return before == nullptr ? TakeFirstTouch(call, static_cast<const Touch&>(after), effects) : absl::OkStatus();
  };
  return rules;
}

absl::Status Records::TakeFirstTouch(const CallContext& call, const Touch& touch, Effects& effects) {
  if (!logic::NamesUtm(touch)) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, leads_.Load(call, LeadOf(touch.name())));
  auto lead = std::make_unique<Lead>(static_cast<const Lead&>(*record.message));
  if (logic::NamesUtm(*lead)) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const bool touched,
                          storage::HasTouch(pool_, call.tenant(), IdOf(lead->name()), call.deadline));
  if (touched) return absl::OkStatus();
  logic::TakeFirstTouch(touch, *lead);
  auto change = leads_.ChangeOf(call, record, std::move(lead), EVENT_TYPE_LEAD_UPDATED);
  if (change) effects.also.push_back(*std::move(change));
  return absl::OkStatus();
}

absl::Status Records::SeeUtmOf(const CallContext& call, const std::vector<const Lead*>& leads,
                               const std::vector<const Touch*>& touches) {
  std::vector<UtmCodes> named;
  const auto see = [&](const auto& one) {
    if (!logic::NamesUtm(one)) return;
    named.push_back({logic::UtmCode(one.source()), logic::UtmCode(one.medium()), logic::UtmCode(one.campaign())});
  };
  for (const Lead* lead : leads) see(*lead);
  for (const Touch* touch : touches) see(*touch);
  return named.empty() ? absl::OkStatus() : utm_.See(call, named);
}

}  // namespace embudo::pipeline::rpc
