#include "services/automation/logic/actions.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "common/base/error.h"

namespace embudo::automation::logic {
namespace {

using v1::Action;
using Actions = google::protobuf::RepeatedPtrField<Action>;
using Visit = std::function<absl::Status(const Action&, const std::string&, int)>;

absl::Status Walk(const Actions& actions, const std::string& prefix, int depth, const Visit& visit) {
  for (int i = 0; i < actions.size(); ++i) {
    const std::string path = prefix + "[" + std::to_string(i) + "]";
    EMBUDO_RETURN_IF_ERROR(visit(actions[i], path, depth));
    if (!actions[i].has_branch()) continue;
    EMBUDO_RETURN_IF_ERROR(Walk(actions[i].branch().then(), path + ".branch.then", depth + 1, visit));
    EMBUDO_RETURN_IF_ERROR(Walk(actions[i].branch().else_(), path + ".branch.else", depth + 1, visit));
  }
  return absl::OkStatus();
}

template <class Texts>
std::string Join(const Texts& texts) {
  std::string joined;
  for (const auto& text : texts) joined += (joined.empty() ? "" : ", ") + std::string(text);
  return joined;
}

std::string DescribeNotify(const Action::Notify& notify) {
  std::vector<std::string> whom(notify.users().begin(), notify.users().end());
  if (notify.owner()) whom.emplace_back("the owner");
  if (notify.manager()) whom.emplace_back("the manager");
  if (notify.role() != type::v1::ROLE_UNSPECIFIED) whom.push_back(type::v1::Role_Name(notify.role()));
  return "notify " + Join(whom);
}

std::string DescribeUpdate(const Action::UpdateFields& update) {
  std::set<std::string> fields;
  for (const auto& [field, value] : update.fields()) fields.insert(field);
  return "set " + Join(fields);
}

}  // namespace

absl::Status ForEachAction(const v1::Rule& rule, const Visit& visit) {
  return Walk(rule.actions(), "actions", 0, visit);
}

std::string DescribeDuration(const google::protobuf::Duration& duration) {
  const int64_t seconds = duration.seconds();
  for (const auto& [unit, name] : {std::pair(86400, "day"), std::pair(3600, "hour"), std::pair(60, "minute")}) {
    if (seconds == 0 || seconds % unit != 0) continue;
    return std::to_string(seconds / unit) + " " + name + (seconds / unit == 1 ? "" : "s");
  }
  return std::to_string(seconds) + " seconds";
}

std::string DescribeAction(const Action& action) {
  switch (action.action_case()) {
    case Action::kAssign:
      return "assign to a member of " + (action.assign().team().empty() ? "its team" : action.assign().team());
    case Action::kCreateActivity:
      return "plan an activity: " + action.create_activity().summary();
    case Action::kUpdateFields:
      return DescribeUpdate(action.update_fields());
    case Action::kSetPriority:
      return action.set_priority().raise() > 0
                 ? "raise the priority by " + std::to_string(action.set_priority().raise())
                 : "set the priority to " + std::to_string(action.set_priority().priority());
    case Action::kSendEmail:
      return "send a mail from " +
             (action.send_email().template_().empty() ? "the stage's template" : action.send_email().template_());
    case Action::kAddTags:
      return "add " + Join(action.add_tags().tags());
    case Action::kMoveStage:
      return "move to " + action.move_stage().stage();
    case Action::kNotify:
      return DescribeNotify(action.notify());
    case Action::kAddFollowers:
      return "add followers: " + Join(action.add_followers().users()) +
             (action.add_followers().manager() ? " and the manager" : "");
    case Action::kCallWebhook:
      return "send to " + action.call_webhook().webhook();
    case Action::kCreateQuote:
      return "draft a quote";
    case Action::kWait:
      return "wait " + DescribeDuration(action.wait().duration());
    case Action::kBranch:
      return "if " + action.branch().condition();
    case Action::kStop:
      return "stop";
    case Action::kEnrich:
      return "enrich";
    case Action::ACTION_NOT_SET:
      break;
  }
  return "";
}

}  // namespace embudo::automation::logic
