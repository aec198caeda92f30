#include "services/automation/storage/projection.h"

#include <vector>

#include "common/base/error.h"
#include "common/base/resource_name.h"
#include "common/privacy/dead_letters.h"
#include "common/privacy/erased.h"
#include "common/resource/change.h"
#include "common/resource/table.h"

namespace embudo::automation::storage {
namespace {

using type::v1::Event;

// Rows in the order of the key, so that two processes never wait for each other crosswise.
constexpr char kAddCounts[] =
    "INSERT INTO automation.event_count AS c (tenant_id, type, count)"
    " SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])"
    " ON CONFLICT (tenant_id, type) DO UPDATE SET count = c.count + excluded.count";

constexpr char kSaveMember[] =
    "INSERT INTO automation.member (tenant_id, team_id, membership_id, user_id, capacity, assignment_filter, paused)"
    " VALUES ($1, $2, $3, $4, $5::int, $6, $7::boolean) ON CONFLICT (tenant_id, team_id, membership_id) DO UPDATE"
    " SET user_id = excluded.user_id, capacity = excluded.capacity, assignment_filter = excluded.assignment_filter,"
    " paused = excluded.paused";
constexpr char kRemoveMember[] =
    "DELETE FROM automation.member WHERE tenant_id = $1 AND team_id = $2 AND membership_id = $3";

constexpr char kDisableUser[] =
    "INSERT INTO automation.disabled_user (tenant_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
constexpr char kEnableUser[] = "DELETE FROM automation.disabled_user WHERE tenant_id = $1 AND user_id = $2";

constexpr char kEraseRuns[] =
    "UPDATE automation.run SET error = '', results = (SELECT coalesce(jsonb_agg(r - 'detail'), '[]') FROM"
    " jsonb_array_elements(results) r) WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])";

/// What was sent is forgotten, and what was to be sent is not sent any more.
constexpr char kEraseDeliveries[] =
    "UPDATE automation.webhook_delivery SET payload = '', error = '', next_attempt_time = NULL,"
    " state = (CASE state WHEN 'PENDING' THEN 'FAILED' ELSE state END), end_time = coalesce(end_time, update_time)"
    " WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])";

constexpr char kSaveTenant[] =
    "INSERT INTO automation.tenant AS t (tenant_id, time_zone) VALUES ($1, automation.known_time_zone($2))"
    " ON CONFLICT (tenant_id) DO UPDATE SET time_zone = excluded.time_zone, names_version = t.names_version + 1";

// What is kept compiled holds names, stages' templates and the time zone.
constexpr char kSaveName[] =
    "INSERT INTO automation.name AS n (tenant_id, name, type, display_name) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (tenant_id, name) DO UPDATE SET display_name = excluded.display_name"
    " WHERE n.display_name <> excluded.display_name";
constexpr char kRemoveName[] = "DELETE FROM automation.name WHERE tenant_id = $1 AND name = $2";
constexpr char kNamesChanged[] =
    "INSERT INTO automation.tenant AS t (tenant_id, names_version) VALUES ($1, 1)"
    " ON CONFLICT (tenant_id) DO UPDATE SET names_version = t.names_version + 1";

constexpr char kSaveRoles[] =
    "INSERT INTO automation.user_role (tenant_id, user_id, roles) VALUES ($1, $2, $3::text[])"
    " ON CONFLICT (tenant_id, user_id) DO UPDATE SET roles = excluded.roles";

constexpr char kSaveManager[] =
    "INSERT INTO automation.team_manager (tenant_id, team_id, manager_id, parent_id)"
    " VALUES ($1, $2, nullif($3, ''), nullif($4, '')) ON CONFLICT (tenant_id, team_id) DO UPDATE"
    " SET manager_id = excluded.manager_id, parent_id = excluded.parent_id";
constexpr char kRemoveManager[] = "DELETE FROM automation.team_manager WHERE tenant_id = $1 AND team_id = $2";

constexpr char kSaveTemplate[] =
    "INSERT INTO automation.stage_template AS s (tenant_id, stage, template) VALUES ($1, $2, $3)"
    " ON CONFLICT (tenant_id, stage) DO UPDATE SET template = excluded.template WHERE s.template <> excluded.template";
constexpr char kRemoveTemplate[] = "DELETE FROM automation.stage_template WHERE tenant_id = $1 AND stage = $2";

bool IsGone(const Event& event) { return event.type().ends_with(".deleted"); }

std::string LastId(const std::string& name) { return name.substr(name.rfind('/') + 1); }

absl::Status ProjectMember(db::Connection& connection, const Event& event) {
  static const ResourcePattern pattern("teams/{team}/memberships/{membership}");
  const type::v1::Membership& member = event.data().membership();
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> ids, ParseName(pattern, member.name(), "membership.name"));
  if (IsGone(event)) {
    return connection.Exec(kRemoveMember, db::Params::Of(event.tenant(), ids[0], ids[1])).status();
  }
  return connection
      .Exec(kSaveMember, db::Params::Of(event.tenant(), ids[0], ids[1], LastId(member.user()), member.capacity(),
                                        member.assignment_filter(), member.paused()))
      .status();
}

absl::Status ProjectUser(db::Connection& connection, const Event& event) {
  const bool disabled = IsGone(event) || event.data().user().disabled();
  const type::v1::User& user = event.data().user();
  const std::string id = LastId(user.name());
  EMBUDO_RETURN_IF_ERROR(
      connection.Exec(disabled ? kDisableUser : kEnableUser, db::Params::Of(event.tenant(), id)).status());
  std::vector<std::string> roles;
  for (const int role : user.roles()) roles.push_back(type::v1::Role_Name(role));
  return connection.Exec(kSaveRoles, db::Params::Of(event.tenant(), id, roles)).status();
}

absl::Status ProjectTeam(db::Connection& connection, const Event& event) {
  const type::v1::Team& team = event.data().team();
  const std::string id = LastId(team.name());
  if (IsGone(event)) return connection.Exec(kRemoveManager, db::Params::Of(event.tenant(), id)).status();
  return connection
      .Exec(kSaveManager, db::Params::Of(event.tenant(), id, LastId(team.manager()), LastId(team.parent())))
      .status();
}

absl::Status ProjectStage(db::Connection& connection, const Event& event) {
  const type::v1::Stage& stage = event.data().stage();
  const bool none = IsGone(event) || stage.entry_template().empty();
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result changed,
      none ? connection.Exec(kRemoveTemplate, db::Params::Of(event.tenant(), stage.name()))
           : connection.Exec(kSaveTemplate, db::Params::Of(event.tenant(), stage.name(), stage.entry_template())));
  if (changed.affected() == 0) return absl::OkStatus();
  return connection.Exec(kNamesChanged, db::Params::Of(event.tenant())).status();
}

absl::Status ProjectName(db::Connection& connection, const Event& event, const google::protobuf::Message& record) {
  const std::string name = resource::NameOf(record);
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result changed,
      IsGone(event) ? connection.Exec(kRemoveName, db::Params::Of(event.tenant(), name))
                    : connection.Exec(kSaveName, db::Params::Of(event.tenant(), name, record.GetDescriptor()->name(),
                                                                resource::GetText(record, "display_name"))));
  if (changed.affected() == 0) return absl::OkStatus();
  return connection.Exec(kNamesChanged, db::Params::Of(event.tenant())).status();
}

/// Takes a person out of what runs say that they did, and out of what was sent to webhooks.
absl::Status EraseRuns(db::Connection& connection, const std::string& tenant, const type::v1::Erasure& erasure) {
  const auto leads = privacy::LeadIdsOf(erasure);
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kEraseRuns, db::Params::Of(tenant, leads)).status());
  EMBUDO_RETURN_IF_ERROR(connection.Exec(kEraseDeliveries, db::Params::Of(tenant, leads)).status());
  return privacy::RedactDeadLetters(connection, "automation", privacy::PersonOf(erasure));
}

}  // namespace

absl::Status AddEventCounts(db::Connection& connection, const EventCounts& counts) {
  std::vector<std::string> tenants;
  std::vector<std::string> types;
  std::vector<std::string> numbers;
  for (const auto& [key, count] : counts) {
    tenants.push_back(key.first);
    types.push_back(key.second);
    numbers.push_back(std::to_string(count));
  }
  return connection.Exec(kAddCounts, db::Params::Of(tenants, types, numbers)).status();
}

absl::Status Project(db::Connection& connection, const Event& event) {
  using Data = type::v1::Resource;
  switch (event.data().resource_case()) {
    case Data::RESOURCE_NOT_SET:
    case Data::kLead:
    case Data::kActivity:
    case Data::kContact:
    case Data::kMessage:
    case Data::kTouch:
    case Data::kAttachment:
    case Data::kQuote:
    case Data::kOrder:
      return absl::OkStatus();
    case Data::kMembership:
      return ProjectMember(connection, event);
    case Data::kTenant:
      return connection.Exec(kSaveTenant, db::Params::Of(event.tenant(), event.data().tenant().time_zone())).status();
    case Data::kErasure:
      return EraseRuns(connection, event.tenant(), event.data().erasure());
    case Data::kUser:
      EMBUDO_RETURN_IF_ERROR(ProjectUser(connection, event));
      break;
    case Data::kTeam:
      EMBUDO_RETURN_IF_ERROR(ProjectTeam(connection, event));
      break;
    case Data::kStage:
      EMBUDO_RETURN_IF_ERROR(ProjectStage(connection, event));
      break;
    default:
      break;
  }
  return ProjectName(connection, event, *resource::RecordIn(event.data()));
}

}  // namespace embudo::automation::storage
