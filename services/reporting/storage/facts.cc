#include "services/reporting/storage/facts.h"

#include <optional>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/filter/schema.h"

namespace embudo::reporting::storage {
namespace {

using Texts = std::vector<std::string>;
using MaybeTexts = std::vector<std::optional<std::string>>;

constexpr char kSaveActivities[] =
    "INSERT INTO reporting.activity (tenant_id, lead_id, activity_id, type, activity_type_id, assignee_id, state,"
    " due_date, done_time, create_time) SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[],"
    " $5::text[], $6::text[], $7::text[], $8::date[], $9::timestamptz[], $10::timestamptz[])"
    " ON CONFLICT (tenant_id, lead_id, activity_id) DO UPDATE SET type = excluded.type,"
    " activity_type_id = excluded.activity_type_id, assignee_id = excluded.assignee_id, state = excluded.state,"
    " due_date = excluded.due_date, done_time = excluded.done_time, create_time = excluded.create_time";
constexpr char kSaveTouches[] =
    "INSERT INTO reporting.touch (tenant_id, lead_id, touch_id, touch_time, channel, source, medium, campaign)"
    " SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],"
    " $8::text[])"
    " ON CONFLICT (tenant_id, lead_id, touch_id) DO UPDATE SET touch_time = excluded.touch_time,"
    " channel = excluded.channel, source = excluded.source, medium = excluded.medium, campaign = excluded.campaign";
constexpr char kLoadStays[] =
    "SELECT s.tenant_id, s.lead_id, s.pipeline_id, s.stage_id, s.enter_time, s.stays, s.seconds, s.later"
    " FROM unnest($1::text[], $2::uuid[]) AS k(tenant_id, lead_id)"
    " JOIN reporting.stay s ON s.tenant_id = k.tenant_id AND s.lead_id = k.lead_id";
// Of a set of stages there is one text only: they are sorted.
constexpr char kSaveStays[] =
    "INSERT INTO reporting.stay AS s (tenant_id, lead_id, pipeline_id, stage_id, enter_time, stays, seconds, later)"
    " SELECT k.tenant_id, k.lead_id, k.pipeline_id, k.stage_id, k.enter_time, k.stays, k.seconds,"
    " string_to_array(k.later, ',')"
    " FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[], $7::bigint[],"
    " $8::text[]) AS k(tenant_id, lead_id, pipeline_id, stage_id, enter_time, stays, seconds, later)"
    " ON CONFLICT (tenant_id, lead_id, pipeline_id, stage_id) DO UPDATE SET enter_time = excluded.enter_time,"
    " stays = excluded.stays, seconds = excluded.seconds, later = excluded.later"
    " WHERE (s.enter_time, s.stays, s.seconds, s.later)"
    " IS DISTINCT FROM (excluded.enter_time, excluded.stays, excluded.seconds, excluded.later)";

std::string RemoveStatement(const std::string& table, const std::string& id) {
  return "DELETE FROM reporting." + table + " t USING unnest($1::text[], $2::uuid[], $3::uuid[]) AS gone(a, b, c)" +
         " WHERE t.tenant_id = gone.a AND t.lead_id = gone.b AND t." + id + " = gone.c";
}

/// The lead's id in `leads/{lead}/activities/{activity}`.
std::string LeadIdOf(const std::string& name) {
  const size_t begin = name.find('/') + 1;
  return name.substr(begin, name.find('/', begin) - begin);
}

std::optional<std::string> Maybe(const std::string& text) { return text.empty() ? std::nullopt : std::optional(text); }

template <class Enum>
std::string EnumText(Enum value, const google::protobuf::EnumDescriptor* type) {
  const auto* found = type->FindValueByNumber(static_cast<int>(value));
  return found == nullptr || found->number() == 0 ? "" : filter::ShortName(*found);
}

std::string TimeText(const google::protobuf::Timestamp& time) { return FormatTime(FromTimestamp(time)); }

template <class Message>
absl::Status Remove(db::Connection& connection, const std::string& sql, const std::vector<Owned<Message>>& records) {
  if (records.empty()) return absl::OkStatus();
  Texts tenants;
  Texts leads;
  Texts ids;
  for (const auto& [tenant, record] : records) {
    tenants.push_back(tenant);
    leads.push_back(LeadIdOf(record->name()));
    ids.push_back(IdOf(record->name()));
  }
  return connection.Exec(sql, db::Params::Of(tenants, leads, ids)).status();
}

/// `default/new` for `pipelines/default/stages/new`, and back.
std::string Short(const std::string& stage) { return LeadIdOf(stage) + "/" + IdOf(stage); }
std::string Long(const std::string& text) {
  const size_t slash = text.find('/');
  return "pipelines/" + text.substr(0, slash) + "/stages/" + text.substr(slash + 1);
}

}  // namespace

absl::Status SaveActivities(db::Connection& connection, const std::vector<Owned<type::v1::Activity>>& activities) {
  if (activities.empty()) return absl::OkStatus();
  Texts tenants;
  Texts leads;
  Texts ids;
  Texts types;
  Texts states;
  MaybeTexts activity_types;
  MaybeTexts assignees;
  MaybeTexts due;
  MaybeTexts done;
  Texts created;
  for (const auto& [tenant, activity] : activities) {
    tenants.push_back(tenant);
    leads.push_back(LeadIdOf(activity->name()));
    ids.push_back(IdOf(activity->name()));
    types.push_back(EnumText(activity->type(), type::v1::Activity::Type_descriptor()));
    activity_types.push_back(Maybe(activity->activity_type().empty() ? "" : IdOf(activity->activity_type())));
    assignees.push_back(Maybe(activity->assignee().empty() ? "" : IdOf(activity->assignee())));
    states.push_back(EnumText(activity->state(), type::v1::Activity::State_descriptor()));
    due.push_back(activity->has_due_date() ? std::optional(FormatDate(activity->due_date())) : std::nullopt);
    done.push_back(activity->has_done_time() ? std::optional(TimeText(activity->done_time())) : std::nullopt);
    created.push_back(TimeText(activity->create_time()));
  }
  return connection
      .Exec(kSaveActivities,
            db::Params::Of(tenants, leads, ids, types, activity_types, assignees, states, due, done, created))
      .status();
}

absl::Status RemoveActivities(db::Connection& connection, const std::vector<Owned<type::v1::Activity>>& activities) {
  static const auto* const sql = new std::string(RemoveStatement("activity", "activity_id"));
  return Remove(connection, *sql, activities);
}

absl::Status SaveTouches(db::Connection& connection, const std::vector<Owned<type::v1::Touch>>& touches) {
  if (touches.empty()) return absl::OkStatus();
  std::vector<Texts> columns(8);
  for (const auto& [tenant, touch] : touches) {
    const Texts row = {tenant,
                       LeadIdOf(touch->name()),
                       IdOf(touch->name()),
                       TimeText(touch->touch_time()),
                       EnumText(touch->channel(), type::v1::Lead::Channel_descriptor()),
                       touch->source(),
                       touch->medium(),
                       touch->campaign()};
    for (size_t i = 0; i < row.size(); ++i) columns[i].push_back(row[i]);
  }
  db::Params params;
  for (const Texts& column : columns) params.Add(column);
  return connection.Exec(kSaveTouches, params).status();
}

absl::Status RemoveTouches(db::Connection& connection, const std::vector<Owned<type::v1::Touch>>& touches) {
  static const auto* const sql = new std::string(RemoveStatement("touch", "touch_id"));
  return Remove(connection, *sql, touches);
}

absl::StatusOr<std::map<LeadKey, logic::Stays>> LoadStays(db::Connection& connection, const std::set<LeadKey>& leads) {
  std::map<LeadKey, logic::Stays> stays;
  if (leads.empty()) return stays;
  Texts tenants;
  Texts ids;
  for (const auto& [tenant, id] : leads) {
    tenants.push_back(tenant);
    ids.push_back(id);
  }
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(kLoadStays, db::Params::Of(tenants, ids)));
  for (int i = 0; i < rows.size(); ++i) {
    const db::Row row = rows[i];
    logic::Stay stay{.stays = row.Int(5), .seconds = row.Int(6)};
    if (!row.IsNull(4)) stay.enter_time = row.TimeAt(4);
    for (const std::string& text : row.TextArray(7)) stay.later.insert(Long(text));
    const std::string stage = Long(std::string(row.Text(2)) + "/" + std::string(row.Text(3)));
    stays[{std::string(row.Text(0)), std::string(row.Text(1))}][stage] = std::move(stay);
  }
  return stays;
}

absl::Status SaveStays(db::Connection& connection, const std::map<LeadKey, logic::Stays>& stays) {
  std::vector<Texts> columns(7);
  MaybeTexts enters;
  for (const auto& [key, of_lead] : stays) {
    for (const auto& [stage, stay] : of_lead) {
      std::string later;
      for (const std::string& one : stay.later) later += (later.empty() ? "" : ",") + Short(one);
      const Texts row = {
          key.first, key.second, LeadIdOf(stage), IdOf(stage), std::to_string(stay.stays), std::to_string(stay.seconds),
          later};
      for (size_t i = 0; i < row.size(); ++i) columns[i].push_back(row[i]);
      enters.push_back(stay.enter_time ? std::optional(FormatTime(*stay.enter_time)) : std::nullopt);
    }
  }
  if (enters.empty()) return absl::OkStatus();
  return connection
      .Exec(kSaveStays,
            db::Params::Of(columns[0], columns[1], columns[2], columns[3], enters, columns[4], columns[5], columns[6]))
      .status();
}

absl::Status RemoveStays(db::Connection& connection, const std::set<LeadKey>& leads) {
  Texts tenants;
  Texts ids;
  for (const auto& [tenant, id] : leads) {
    tenants.push_back(tenant);
    ids.push_back(id);
  }
  return connection
      .Exec(
          "DELETE FROM reporting.stay s USING unnest($1::text[], $2::uuid[]) AS k(tenant_id, lead_id)"
          " WHERE s.tenant_id = k.tenant_id AND s.lead_id = k.lead_id",
          db::Params::Of(tenants, ids))
      .status();
}

}  // namespace embudo::reporting::storage
