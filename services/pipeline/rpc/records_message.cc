// Rules of a lead's conversation: messages, attachments, and what users are told.

#include <algorithm>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "embudo/pipeline/v1/notification_service.pb.h"
#include "embudo/type/v1/attachment.pb.h"
#include "services/pipeline/logic/message_rules.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using resource::Effects;
using resource::Rules;
using namespace type::v1;  // NOLINT(google-build-using-namespace): the resources and their events
using Entry = type::v1::Message;

template <class Names>
bool Contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

absl::StatusOr<Lead> Records::PlaceUnderLead(const CallContext& call, bool edits, Message& record) {
  const std::string name = resource::NameOf(record);
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record lead, leads_.Load(call, LeadOf(name)));
  if (edits) EMBUDO_RETURN_IF_ERROR(CheckMayEdit(call, static_cast<const Lead&>(*lead.message)));
  // One that was merged is known by the name of the lead that took it in.
  resource::SetText(&record, "name", resource::NameOf(*lead.message) + name.substr(LeadOf(name).size()));
  return static_cast<const Lead&>(*lead.message);
}

absl::Status Records::CheckNewMail(const CallContext& call, const Entry& mail) {
  if (mail.internet_message_id().empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(pool_, call.tenant(), call.deadline,
                                   "SELECT lead_id, message_id FROM pipeline.message WHERE tenant_id = $1"
                                   " AND internet_message_id = $2 AND internet_message_id <> ''",
                                   db::Params::Of(call.tenant(), mail.internet_message_id())));
  if (rows.empty()) return absl::OkStatus();
  return AlreadyExists("embudo.dev/Message",
                       "leads/" + std::string(rows[0].Text(0)) + "/messages/" + std::string(rows[0].Text(1)));
}

absl::Status Records::CheckAttachments(const CallContext& call, const Entry& message, const std::string& field) {
  for (int i = 0; i < message.attachments_size(); ++i) {
    const std::string& name = message.attachments(i);
    const bool here = LeadOf(name) == LeadOf(message.name());
    if (here && attachments_.Load(call, name).ok()) continue;
    return InvalidField(field + "[" + std::to_string(i) + "]", "the lead has no " + name);
  }
  return absl::OkStatus();
}

absl::Status Records::TellOfMessage(const CallContext& call, const Entry& message, const Entry* before,
                                    Effects& effects) {
  std::set<std::string> mentioned;
  for (const std::string& user : message.mentions()) {
    if (before == nullptr || !Contains(before->mentions(), user)) mentioned.insert(user);
  }
  if (message.has_delete_time() || (before != nullptr && mentioned.empty())) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, leads_.Load(call, LeadOf(message.name())));
  const auto& lead = static_cast<const Lead&>(*record.message);
  auto changed = std::make_unique<Lead>(lead);
  for (const std::string& user : mentioned) {
    if (!Contains(lead.followers(), user)) changed->add_followers(user);
  }
  const bool person = call.identity.actor.starts_with("users/");
  if (before == nullptr && person) *changed->mutable_last_touch_time() = message.create_time();
  auto change = leads_.ChangeOf(call, record, std::move(changed), EVENT_TYPE_LEAD_UPDATED);
  if (change) effects.also.push_back(*std::move(change));

  const std::string line = logic::LineOf(message);
  EMBUDO_RETURN_IF_ERROR(
      Notify(call, mentioned, Notification::KIND_MENTION, lead.name(), message.name(), line, &effects.also));
  if (before != nullptr) return absl::OkStatus();
  std::set<std::string> followers(lead.followers().begin(), lead.followers().end());
  for (const std::string& user : mentioned) followers.erase(user);
  return Notify(call, followers, Notification::KIND_MESSAGE, lead.name(), message.name(), line, &effects.also);
}

Rules Records::MessageRules() {
  Rules rules = UnderLead(EVENT_TYPE_MESSAGE_CREATED, EVENT_TYPE_MESSAGE_UPDATED, EVENT_TYPE_MESSAGE_DELETED);
  rules.default_order = "create_time desc";
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) -> absl::Status {
    auto& message = static_cast<Entry&>(after);
    const auto* old = static_cast<const Entry*>(before);
    if (old == nullptr) {
      const bool edits = message.type() != Entry::TYPE_INTERNAL_NOTE;
      EMBUDO_RETURN_IF_ERROR(PlaceUnderLead(call, edits, message).status());
    }
    // Deletion and delivery change nothing that was written.
    if (message.has_delete_time() || (old != nullptr && old->delivery_state() != message.delivery_state())) {
      return absl::OkStatus();
    }
    EMBUDO_RETURN_IF_ERROR(WithScene(call, [&](const logic::Scene& scene) {
      return old == nullptr ? logic::PrepareNew(scene, message) : logic::PrepareChanged(scene, *old, message);
    }));
    EMBUDO_RETURN_IF_ERROR(CheckAttachments(call, message, "message.attachments"));
    return old == nullptr ? CheckNewMail(call, message) : absl::OkStatus();
  };
  rules.effects = [this](const CallContext& call, const Message& after, const Message* before, Effects& effects) {
    return TellOfMessage(call, static_cast<const Entry&>(after), static_cast<const Entry*>(before), effects);
  };
  return rules;
}

Rules Records::AttachmentRules() {
  Rules rules = UnderLead(EVENT_TYPE_ATTACHMENT_CREATED, EVENT_TYPE_UNSPECIFIED, EVENT_TYPE_ATTACHMENT_DELETED);
  rules.default_order = "create_time desc";
  rules.referenced_by = {{"pipeline.message", {"lead_id", "attachments"}, "messages", true}};
  rules.prepare = [this](const CallContext& call, Message& after, const Message* before) -> absl::Status {
    return before == nullptr ? PlaceUnderLead(call, /*edits=*/true, after).status() : absl::OkStatus();
  };
  rules.writable = [this](const CallContext& call, const Message& record) -> absl::Status {
    EMBUDO_ASSIGN_OR_RETURN(const resource::Record lead, leads_.Load(call, LeadOf(resource::NameOf(record))));
    return CheckMayEdit(call, static_cast<const Lead&>(*lead.message));
  };
  return rules;
}

Rules Records::NotificationRules() {
  Rules rules;
  rules.default_order = "create_time desc";
  // One's own, and nobody else's.
  rules.visible = [](const CallContext& call, const Message& record) {
    return resource::NameOf(record).starts_with(call.identity.actor + "/");
  };
  rules.visible_sql = [](const CallContext& call, db::Params& params) -> absl::StatusOr<std::string> {
    constexpr std::string_view kUsers = "users/";
    if (!call.identity.actor.starts_with(kUsers)) return std::string("false");
    params.Add(call.identity.actor.substr(kUsers.size()));
    return "t.user_id = $" + std::to_string(params.size());
  };
  return rules;
}

resource::Change Records::NewNotification(const CallContext& call, const std::string& user, Notification::Kind kind,
                                          const std::string& lead, const std::string& subject,
                                          const std::string& text) {
  auto notification = std::make_unique<Notification>();
  notification->set_name(user + "/notifications/" + Uuid::V7(clock_.Now()).ToString());
  notification->set_kind(kind);
  notification->set_lead(lead);
  notification->set_subject(subject);
  notification->set_text(text);
  notification->set_actor(call.identity.actor);
  // A notification has no rules that could refuse it.
  return notifications_.NewChange(call, std::move(notification), v1::GetNotificationRequest()).value();
}

absl::Status Records::Notify(const CallContext& call, const std::set<std::string>& users, Notification::Kind kind,
                             const std::string& lead, const std::string& subject, const std::string& text,
                             std::vector<resource::Change>* changes) {
  EMBUDO_ASSIGN_OR_RETURN(const auto catalog, catalogs_.Get(call.tenant(), call.deadline));
  for (const std::string& name : users) {
    const auto user = catalog->users.find(name);
    if (user == catalog->users.end() || user->second.disabled() || name == call.identity.actor) continue;
    changes->push_back(NewNotification(call, name, kind, lead, subject, text));
  }
  return absl::OkStatus();
}

}  // namespace embudo::pipeline::rpc
