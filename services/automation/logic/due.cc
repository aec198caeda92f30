#include "services/automation/logic/due.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/filter/literal.h"

namespace embudo::automation::logic {
namespace {

using google::protobuf::Duration;
using std::chrono::microseconds;
using type::v1::Lead;
using v1::Trigger;

constexpr int64_t kLongestSeconds = 3653LL * 86400;
constexpr std::string_view kCustom = "custom_fields.";
constexpr char kIsOpen[] = "state = OPEN AND NOT archived";

microseconds ToMicros(const Duration& duration) {
  return std::chrono::seconds(duration.seconds()) + microseconds(duration.nanos() / 1000);
}

bool IsCustom(const std::string& field) { return field.starts_with(kCustom); }
bool IsDateField(const std::string& field) {
  return IsCustom(field) || field == "expected_close_date" || field == "decision_date" || field == "next_activity_date";
}

/// What the trigger counts from, and how far from it.
struct Anchor {
  std::string field;
  microseconds offset{0};
};

Anchor AnchorOf(const Trigger& trigger) {
  switch (trigger.trigger_case()) {
    case Trigger::kDateReached:
      return {trigger.date_reached().field(), ToMicros(trigger.date_reached().offset())};
    case Trigger::kStageOverstayed:
      return {"stage_enter_time", ToMicros(trigger.stage_overstayed().duration())};
    case Trigger::kUntouched:
      return {"last_touch_time", ToMicros(trigger.untouched().duration())};
    case Trigger::kActivityOverdue:
      // The day after, as far as there are clock changes: its length does not matter, a day of the calendar does.
      return {"next_activity_date", ToMicros(trigger.activity_overdue().delay())};
    default:
      return {};
  }
}

/// The first moment of the day.
Time Midnight(Day day, const absl::TimeZone& zone) {
  const std::chrono::year_month_day date(day);
  const absl::CivilSecond civil(static_cast<int>(date.year()), static_cast<int>(static_cast<unsigned>(date.month())),
                                static_cast<int>(static_cast<unsigned>(date.day())));
  return std::chrono::time_point_cast<Time::duration>(absl::ToChronoTime(absl::FromCivil(civil, zone)));
}

/// The first day that begins after the moment.
Day FirstDayAfter(Time moment, const absl::TimeZone& zone) {
  const absl::CivilDay day = absl::ToCivilDay(absl::FromChrono(moment), zone) + 1;
  return std::chrono::sys_days(std::chrono::year(static_cast<int>(day.year())) / day.month() / day.day());
}

const google::protobuf::Message* MessageField(const Lead& lead, const std::string& field) {
  const auto* descriptor = Lead::descriptor()->FindFieldByName(field);
  if (descriptor == nullptr || !lead.GetReflection()->HasField(lead, descriptor)) return nullptr;
  return &lead.GetReflection()->GetMessage(lead, descriptor);
}

std::optional<Time> MomentOf(const Lead& lead, const std::string& field, int days, const absl::TimeZone& zone) {
  if (IsCustom(field)) {
    const auto found = lead.custom_fields().find(field.substr(kCustom.size()));
    if (found == lead.custom_fields().end()) return std::nullopt;
    const std::optional<Day> day = filter::ParseDay(found->second.string_value().substr(0, 10));
    return day ? std::optional(Midnight(*day, zone)) : std::nullopt;
  }
  const auto* message = MessageField(lead, field);
  if (message == nullptr) return std::nullopt;
  if (IsDateField(field)) {
    const Day day = FromDate(static_cast<const google::type::Date&>(*message));
    return Midnight(day + std::chrono::days(days), zone);
  }
  return FromTimestamp(static_cast<const google::protobuf::Timestamp&>(*message));
}

bool IsOpen(const Lead& lead) { return lead.state() == Lead::STATE_OPEN && !lead.archived(); }

/// What must hold beside the moment, as a filter; the same as DueOf asks.
std::string Besides(const Trigger& trigger) {
  switch (trigger.trigger_case()) {
    case Trigger::kStageOverstayed: {
      const std::string& stage = trigger.stage_overstayed().stage();
      return std::string(kIsOpen) + (stage.empty() ? "" : " AND stage = \"" + stage + "\"");
    }
    case Trigger::kUntouched:
      return std::string(kIsOpen) + " AND NOT is_set(next_activity_date)";
    case Trigger::kActivityOverdue:
      return kIsOpen;
    default:
      return "";
  }
}

std::string And(const std::string& a, const std::string& b) { return a.empty() ? b : a + " AND " + b; }

DueQuery QueryOf(const Trigger& trigger, const std::string& field, std::optional<Time> after, Time until,
                 const absl::TimeZone& zone) {
  const Anchor anchor = AnchorOf(trigger);
  std::string filter = Besides(trigger);
  if (IsDateField(field)) {
    const std::chrono::days shift(trigger.has_activity_overdue() ? 1 : 0);
    const auto quoted = [](Day day) { return "\"" + FormatDate(ToDate(day)) + "\""; };
    if (after) {
      filter = And(filter, field + " >= " + quoted(FirstDayAfter(*after - anchor.offset, zone) - shift));
    } else {
      filter = And(filter, "is_set(" + field + ")");
    }
    filter = And(filter, field + " < " + quoted(FirstDayAfter(until - anchor.offset, zone) - shift));
  } else {
    if (after) filter = And(filter, field + " > \"" + FormatTime(*after - anchor.offset) + "\"");
    filter = And(filter, field + " <= \"" + FormatTime(until - anchor.offset) + "\"");
  }
  return {filter, IsCustom(field) ? "create_time" : field};
}

absl::Status CheckDuration(const Duration& duration, bool negative_too, const std::string& path) {
  const int64_t seconds = duration.seconds();
  if (std::abs(seconds) > kLongestSeconds) return InvalidField(path, "must be ten years at most");
  if (!negative_too && (seconds < 0 || duration.nanos() < 0)) return InvalidField(path, "must not be negative");
  return absl::OkStatus();
}

absl::Status CheckLength(const Duration& duration, const std::string& path) {
  if (duration.seconds() < 1) return InvalidField(path, "must be a second at least");
  return CheckDuration(duration, false, path);
}

absl::Status CheckDate(const Trigger::DateReached& trigger, const std::string& path) {
  static const auto* const kFields = new std::vector<std::string>{
      "create_time", "stage_enter_time", "last_touch_time", "close_time", "expected_close_date", "decision_date"};
  const std::string& field = trigger.field();
  const bool custom = IsCustom(field) && field.size() > kCustom.size() &&
                      field.find_first_of("\"\\ ().,", kCustom.size()) == std::string::npos;
  if (!custom && std::find(kFields->begin(), kFields->end(), field) == kFields->end()) {
    return InvalidField(path + ".field", "\"" + field + "\" is no date that a rule can wait for");
  }
  return CheckDuration(trigger.offset(), true, path + ".offset");
}

}  // namespace

std::optional<Time> DueOf(const Trigger& trigger, const Lead& lead, const absl::TimeZone& zone) {
  const Anchor anchor = AnchorOf(trigger);
  std::string field = anchor.field;
  switch (trigger.trigger_case()) {
    case Trigger::kStageOverstayed:
      if (!IsOpen(lead)) return std::nullopt;
      if (lead.stage().empty()) return std::nullopt;
      if (!trigger.stage_overstayed().stage().empty() && trigger.stage_overstayed().stage() != lead.stage()) {
        return std::nullopt;
      }
      break;
    case Trigger::kUntouched:
      if (!IsOpen(lead) || lead.has_next_activity_date()) return std::nullopt;
      if (!lead.has_last_touch_time()) field = "create_time";
      break;
    case Trigger::kActivityOverdue:
      if (!IsOpen(lead)) return std::nullopt;
      break;
    default:
      break;
  }
  if (lead.has_delete_time() || field.empty()) return std::nullopt;
  const std::optional<Time> moment = MomentOf(lead, field, trigger.has_activity_overdue() ? 1 : 0, zone);
  return moment ? std::optional(*moment + anchor.offset) : std::nullopt;
}

std::vector<std::string> WatchedFields(const Trigger& trigger) {
  switch (trigger.trigger_case()) {
    case Trigger::kDateReached:
      return {trigger.date_reached().field()};
    case Trigger::kStageOverstayed:
      return {"stage_enter_time", "stage", "state", "archived"};
    case Trigger::kUntouched:
      return {"last_touch_time", "next_activity_date", "state", "archived"};
    case Trigger::kActivityOverdue:
      return {"next_activity_date", "state", "archived"};
    default:
      return {};
  }
}

bool LooksBack(const Trigger& trigger) { return !trigger.has_date_reached(); }

std::chrono::seconds LookEvery(const Trigger& trigger) {
  constexpr std::chrono::seconds kLongest{60};
  constexpr std::chrono::seconds kCustomField{600};
  if (trigger.has_date_reached() && IsCustom(trigger.date_reached().field())) return kCustomField;
  const auto offset = std::chrono::abs(std::chrono::floor<std::chrono::seconds>(AnchorOf(trigger).offset));
  return std::clamp(offset / 60, std::chrono::seconds(1), kLongest);
}

std::vector<DueQuery> DueQueries(const Trigger& trigger, std::optional<Time> after, Time until,
                                 const absl::TimeZone& zone) {
  std::vector<DueQuery> queries = {QueryOf(trigger, AnchorOf(trigger).field, after, until, zone)};
  if (trigger.has_untouched()) {
    // Those that nobody has ever touched count from their creation.
    queries.push_back(QueryOf(trigger, "create_time", after, until, zone));
    queries.back().filter += " AND NOT is_set(last_touch_time)";
  }
  return queries;
}

std::string MomentId(const std::string& tenant, const std::string& rule, const std::string& lead, Time due) {
  return Uuid::V5(EmbudoUuidSpace(), "moment " + tenant + " " + rule + " " + lead + " " + FormatTime(due)).ToString();
}

absl::Status CheckMoment(const Trigger& trigger, const std::string& path) {
  switch (trigger.trigger_case()) {
    case Trigger::kDateReached:
      return CheckDate(trigger.date_reached(), path + ".date_reached");
    case Trigger::kStageOverstayed:
      return CheckLength(trigger.stage_overstayed().duration(), path + ".stage_overstayed.duration");
    case Trigger::kUntouched:
      return CheckLength(trigger.untouched().duration(), path + ".untouched.duration");
    default:
      return CheckDuration(trigger.activity_overdue().delay(), false, path + ".activity_overdue.delay");
  }
}

}  // namespace embudo::automation::logic
