#include "services/automation/events/effects.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <chrono>

#include "common/base/error.h"
#include "common/filter/literal.h"
#include "embudo/capture/v1/enrichment_service.pb.h"
#include "embudo/pipeline/v1/notification_service.pb.h"
#include "embudo/pipeline/v1/quote_service.pb.h"
#include "services/automation/logic/payload.h"
#include "services/automation/logic/requests.h"
#include "services/automation/storage/mails.h"
#include "services/automation/storage/people.h"
#include "services/automation/storage/webhooks.h"

namespace embudo::automation::events {
namespace {

using type::v1::Lead;
using v1::Action;
using v1::ActionResult;

constexpr std::chrono::seconds kStatementTimeout{5};
/// Attempts at a change that other changes come between.
constexpr int kCollisions = 5;

void Finish(RunContext& context, int index, ActionResult::Outcome outcome, const std::string& detail,
            const std::string& resource) {
  ActionResult& result = *context.held().run.mutable_results(index);
  result.set_outcome(outcome);
  result.set_detail(detail);
  result.set_resource(resource);
}
void Done(RunContext& context, int index, const std::string& detail, const std::string& resource) {
  Finish(context, index, ActionResult::OUTCOME_DONE, detail, resource);
}
void Skipped(RunContext& context, int index, const std::string& why) {
  Finish(context, index, ActionResult::OUTCOME_SKIPPED, why, "");
}

Uuid IdOfAction(RunContext& context, int index) {
  return logic::RequestIdOf(context.tenant(), context.run(), context.run().results(index).action());
}

/// Changes the lead, which is read anew the next time.
absl::Status Update(RunContext& context, int index, const pipeline::v1::UpdateLeadRequest& request,
                    const std::string& detail) {
  context.Forget();
  EMBUDO_RETURN_IF_ERROR(context.Call<Lead>("LeadService/UpdateLead", request).status());
  Done(context, index, detail, context.run().lead());
  return absl::OkStatus();
}

void AddOnce(std::vector<std::string>& names, const std::string& name) {
  if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

}  // namespace

absl::Status Effects::Do(RunContext& context, const Action& action, int index) {
  switch (action.action_case()) {
    case Action::kAssign:
      return assign_.Do(context, action.assign(), index);
    case Action::kCreateActivity:
      return CreateActivity(context, action.create_activity(), index);
    case Action::kUpdateFields:
      return UpdateFields(context, action.update_fields(), index);
    case Action::kSetPriority:
      return SetPriority(context, action.set_priority(), index);
    case Action::kAddTags:
      return AddTags(context, action.add_tags(), index);
    case Action::kMoveStage:
      return MoveStage(context, action.move_stage(), index);
    case Action::kNotify:
      return Notify(context, action.notify(), index);
    case Action::kAddFollowers:
      return AddFollowers(context, action.add_followers(), index);
    case Action::kCallWebhook:
      return CallWebhook(context, action.call_webhook(), index);
    case Action::kCreateQuote:
      return CreateQuote(context, index);
    case Action::kEnrich:
      return Enrich(context, index);
    case Action::kSendEmail:
      return SendEmail(context, action.send_email(), index);
    default:
      return InvalidField("rule.actions", "has one that this version does not know");
  }
}

absl::Status Effects::CreateActivity(RunContext& context, const Action::CreateActivity& action, int index) {
  const auto request = logic::ActivityRequest(context.run(), action, IdOfAction(context, index));
  EMBUDO_ASSIGN_OR_RETURN(const type::v1::Activity activity,
                          context.Call<type::v1::Activity>("ActivityService/CreateActivity", request));
  context.Forget();
  Done(context, index, "planned for " + FormatDate(activity.due_date()), activity.name());
  return absl::OkStatus();
}

absl::Status Effects::UpdateFields(RunContext& context, const Action::UpdateFields& action, int index) {
  EMBUDO_ASSIGN_OR_RETURN(const auto request, logic::UpdateRequest(context.run(), action, IdOfAction(context, index)));
  return Update(context, index, request, "set " + std::to_string(request.update_mask().paths_size()) + " fields");
}

absl::Status Effects::SetPriority(RunContext& context, const Action::SetPriority& action, int index) {
  int priority = action.priority();
  if (action.raise() > 0) {
    EMBUDO_ASSIGN_OR_RETURN(const Lead* lead, context.Lead());
    priority = std::min(lead->priority() + action.raise(), 3);
  }
  return Update(context, index, logic::PriorityRequest(context.run(), priority, IdOfAction(context, index)),
                "asked for priority " + std::to_string(priority));
}

absl::Status Effects::AddTags(RunContext& context, const Action::AddTags& action, int index) {
  absl::Status status;
  for (int i = 0; i < kCollisions; ++i) {
    EMBUDO_ASSIGN_OR_RETURN(const Lead* lead, context.Lead());
    const auto request = logic::TagsRequest(*lead, action, IdOfAction(context, index));
    const int added = request.lead().tags_size() - lead->tags_size();
    if (added == 0) {
      Skipped(context, index, "the lead has the tags");
      return absl::OkStatus();
    }
    status = Update(context, index, request, "added " + std::to_string(added) + " tags");
    if (status.code() != absl::StatusCode::kAborted) return status;
  }
  return status;
}

absl::Status Effects::MoveStage(RunContext& context, const Action::MoveStage& action, int index) {
  EMBUDO_ASSIGN_OR_RETURN(const Lead* lead, context.Lead());
  if (lead->stage() == action.stage()) {
    Skipped(context, index, "the lead is in the stage");
    return absl::OkStatus();
  }
  const auto request = logic::MoveRequest(context.run(), action, IdOfAction(context, index));
  context.Forget();
  EMBUDO_ASSIGN_OR_RETURN(const Lead moved, context.Call<Lead>("LeadService/MoveLead", request));
  Done(context, index, "moved to " + moved.stage(), moved.name());
  return absl::OkStatus();
}

absl::StatusOr<std::string> Effects::ManagerOf(RunContext& context) {
  EMBUDO_ASSIGN_OR_RETURN(const Lead* lead, context.Lead());
  if (lead->team().empty()) return std::string();
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
  return storage::FindManager(*lease, context.tenant(), lead->team());
}

absl::StatusOr<std::vector<std::string>> Effects::WhomToNotify(RunContext& context, const Action::Notify& action) {
  std::vector<std::string> users;
  for (const std::string& user : action.users()) AddOnce(users, user);
  if (action.manager()) {
    EMBUDO_ASSIGN_OR_RETURN(const std::string manager, ManagerOf(context));
    AddOnce(users, manager);
  }
  if (action.role() != type::v1::ROLE_UNSPECIFIED) {
    EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
    EMBUDO_ASSIGN_OR_RETURN(const auto found, storage::FindUsersOfRole(*lease, context.tenant(), action.role()));
    for (const std::string& user : found) AddOnce(users, user);
  }
  constexpr size_t kMost = 100;
  if (users.size() > kMost) users.resize(kMost);
  return users;
}

absl::Status Effects::Notify(RunContext& context, const Action::Notify& action, int index) {
  pipeline::v1::NotifyUsersRequest request;
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> users, WhomToNotify(context, action));
  request.set_lead(context.run().lead());
  request.mutable_users()->Assign(users.begin(), users.end());
  // Who that is the pipeline knows, which reads the lead anyway.
  request.set_owner(action.owner());
  request.set_text(action.text());
  request.set_request_id(IdOfAction(context, index).ToString());
  pipeline::v1::NotifyUsersResponse response;
  if (action.owner() || !users.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(
        response, context.Call<pipeline::v1::NotifyUsersResponse>("NotificationService/NotifyUsers", request));
  }
  if (response.notifications().empty()) {
    Skipped(context, index, "there is nobody to notify");
    return absl::OkStatus();
  }
  std::string whom;
  for (const auto& notification : response.notifications()) {
    const std::string& name = notification.name();
    whom += (whom.empty() ? "" : ", ") + name.substr(0, name.find("/notifications/"));
  }
  Done(context, index, "notified " + whom, response.notifications(0).name());
  return absl::OkStatus();
}

absl::Status Effects::AddFollowers(RunContext& context, const Action::AddFollowers& action, int index) {
  std::vector<std::string> users(action.users().begin(), action.users().end());
  if (action.manager()) {
    EMBUDO_ASSIGN_OR_RETURN(const std::string manager, ManagerOf(context));
    AddOnce(users, manager);
  }
  if (users.empty()) {
    Skipped(context, index, "there is nobody to add");
    return absl::OkStatus();
  }
  pipeline::v1::FollowLeadRequest request;
  request.set_name(context.run().lead());
  request.mutable_users()->Assign(users.begin(), users.end());
  request.set_request_id(IdOfAction(context, index).ToString());
  context.Forget();
  EMBUDO_RETURN_IF_ERROR(context.Call<Lead>("LeadService/FollowLead", request).status());
  Done(context, index, "made " + std::to_string(users.size()) + " users followers", context.run().lead());
  return absl::OkStatus();
}

absl::Status Effects::CallWebhook(RunContext& context, const Action::CallWebhook& action, int index) {
  EMBUDO_ASSIGN_OR_RETURN(const Lead* lead, context.Lead());
  const Uuid id = IdOfAction(context, index);
  EMBUDO_ASSIGN_OR_RETURN(const std::string payload,
                          logic::WebhookPayload(context.tenant(), context.run(), id, *lead, clock_.Now()));
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
  EMBUDO_ASSIGN_OR_RETURN(const std::string why, storage::QueueDelivery(*lease, context.tenant(), action.webhook(), id,
                                                                        context.run(), payload, clock_.Now()));
  if (!why.empty()) {
    Skipped(context, index, why);
    return absl::OkStatus();
  }
  Done(context, index, "queued", action.webhook() + "/deliveries/" + id.ToString());
  return absl::OkStatus();
}

absl::Status Effects::CreateQuote(RunContext& context, int index) {
  pipeline::v1::CreateQuoteRequest request;
  request.mutable_quote()->set_lead(context.run().lead());
  request.set_request_id(IdOfAction(context, index).ToString());
  EMBUDO_ASSIGN_OR_RETURN(const type::v1::Quote quote,
                          context.Call<type::v1::Quote>("QuoteService/CreateQuote", request));
  context.Forget();
  Done(context, index, "drafted " + quote.number(), quote.name());
  return absl::OkStatus();
}

absl::Status Effects::Enrich(RunContext& context, int index) {
  constexpr std::chrono::seconds kTimeout{30};  // providers are on the web
  capture::v1::EnrichLeadRequest request;
  request.set_lead(context.run().lead());
  request.set_request_id(IdOfAction(context, index).ToString());
  context.Forget();
  EMBUDO_ASSIGN_OR_RETURN(const auto enrichment,
                          capture_.Call<capture::v1::Enrichment>("embudo.capture.v1.EnrichmentService/EnrichLead",
                                                                 context.identity(), request, kTimeout));
  if (enrichment.state() == capture::v1::Enrichment::STATE_SUCCEEDED) {
    Done(context, index, "filled " + std::to_string(enrichment.filled_fields_size()) + " fields", enrichment.name());
  } else {
    Skipped(context, index, enrichment.reason().empty() ? "nobody knew the company" : enrichment.reason());
  }
  return absl::OkStatus();
}

absl::Status Effects::SendEmail(RunContext& context, const Action::SendEmail& action, int index) {
  const v1::Run& run = context.run();
  EMBUDO_ASSIGN_OR_RETURN(const Lead* lead, context.Lead());
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire("", db::After(kStatementTimeout)));
  std::string mail_template = action.template_();
  if (mail_template.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(mail_template, storage::StageTemplateOf(*lease, context.tenant(), lead->stage()));
  }
  if (mail_template.empty() || lead->email().empty()) {
    Skipped(context, index, lead->email().empty() ? "the lead has no mail address" : "the stage has no entry template");
    return absl::OkStatus();
  }
  // One mail of the template for the event, whichever rule sends it; after a wait it is another's.
  const bool waited = std::any_of(run.results().begin(), run.results().end(), [&](const ActionResult& result) {
    return result.outcome() == ActionResult::OUTCOME_DONE && filter::ParseTime(result.decision()).has_value();
  });
  const std::string cause = waited ? run.event_id() + " " + run.results(index).action() : run.event_id();
  storage::NewMail mail{.tenant = context.tenant(),
                        .id = storage::MailIdOf(context.tenant(), run.lead(), cause, mail_template),
                        .lead = run.lead(),
                        .mail_template = mail_template,
                        .rule = run.rule(),
                        .event_id = run.event_id(),
                        .depth = run.depth()};
  EMBUDO_ASSIGN_OR_RETURN(const std::string name, storage::EnqueueMail(*lease, mail, clock_.Now()));
  Done(context, index, "queued a mail from " + mail_template, name);
  return absl::OkStatus();
}

}  // namespace embudo::automation::events
