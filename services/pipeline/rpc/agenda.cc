// A user's planned activities across leads.

#include <algorithm>

#include "common/base/error.h"
#include "common/resource/page.h"
#include "services/pipeline/logic/activity_rules.h"
#include "services/pipeline/rpc/activity_service.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using type::v1::Activity;

constexpr int kDefaultDays = 7;
constexpr int kMaxDays = 366;

// Both statements walk the index activity_agenda.
constexpr char kFromAgenda[] =
    " FROM pipeline.activity t JOIN pipeline.lead l ON l.tenant_id = t.tenant_id AND l.lead_id = t.lead_id"
    " WHERE t.tenant_id = $1 AND t.assignee_id = $2 AND t.state = 'PLANNED' AND t.delete_time IS NULL"
    " AND l.delete_time IS NULL AND t.due_date <= $3::date";

absl::StatusOr<std::string> UserOf(const CallContext& call, const logic::Catalog& catalog,
                                   const v1::GetAgendaRequest& request) {
  const std::string user = request.user() == "users/me" ? call.identity.actor : request.user();
  const bool own = user == call.identity.actor;
  const bool leads = call.identity.Has(type::v1::ROLE_MANAGER) || call.identity.Has(type::v1::ROLE_ADMIN) ||
                     call.identity.Has(type::v1::ROLE_SERVICE);
  if (!own && !leads) {
    return Error(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED", "user: only a manager sees the agenda of others")
        .Meta("roles", "manager, admin, service")
        .Field("user", "only a manager sees the agenda of others");
  }
  if (!own && !catalog.users.contains(user)) return NotFound("embudo.dev/User", user);
  return user;
}

absl::Status Count(Records& records, const CallContext& call, const std::string& user_id, Day today, Day last,
                   v1::GetAgendaResponse& response) {
  static const std::string sql =
      std::string(
          "SELECT count(*) FILTER (WHERE t.due_date < $4::date), count(*) FILTER (WHERE t.due_date = $4::date),"
          " count(*) FILTER (WHERE t.due_date > $4::date)") +
      kFromAgenda;
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(records.pool(), call.tenant(), call.deadline, sql,
               db::Params::Of(call.tenant(), user_id, FormatDate(ToDate(last)), FormatDate(ToDate(today)))));
  response.set_overdue_count(static_cast<int>(rows[0].Int(0)));
  response.set_today_count(static_cast<int>(rows[0].Int(1)));
  response.set_planned_count(static_cast<int>(rows[0].Int(2)));
  return absl::OkStatus();
}

absl::StatusOr<db::Result> ReadPage(Records& records, const CallContext& call, const std::string& user_id, Day last,
                                    const std::vector<std::string>& after, int limit) {
  static const std::string select = "SELECT l.display_name, " + storage::ActivityTable().SelectList("t") + kFromAgenda;
  db::Params params = db::Params::Of(call.tenant(), user_id, FormatDate(ToDate(last)), limit);
  std::string sql = select;
  if (!after.empty()) {
    sql += " AND (t.due_date, t.lead_id, t.activity_id) > ($5::date, $6::uuid, $7::uuid)";
    for (const std::string& value : after) params.Add(value);
  }
  return db::Exec(records.pool(), call.tenant(), call.deadline,
                  sql + " ORDER BY t.due_date, t.lead_id, t.activity_id LIMIT $4", params);
}

}  // namespace

absl::StatusOr<v1::GetAgendaResponse> GetAgenda(Records& records, const CallContext& call,
                                                const v1::GetAgendaRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const auto catalog, records.catalogs().Get(call.tenant(), call.deadline));
  EMBUDO_ASSIGN_OR_RETURN(const std::string user, UserOf(call, *catalog, request));
  const std::string user_id = user.substr(user.find('/') + 1);
  const Day today = logic::TodayOf(*catalog, user, records.clock().Now());
  const Day last = today + std::chrono::days(request.days() == 0 ? kDefaultDays : std::min(request.days(), kMaxDays));
  const int size = resource::PageSize(request);

  const std::string hash = resource::QueryHash(call, request);
  std::vector<std::string> after;
  if (!request.page_token().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(after, resource::ReadPageToken(request.page_token(), hash, 3));
  }
  v1::GetAgendaResponse response;
  *response.mutable_today() = ToDate(today);
  EMBUDO_RETURN_IF_ERROR(Count(records, call, user_id, today, last, response));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, ReadPage(records, call, user_id, last, after, size + 1));
  for (int i = 0; i < std::min(rows.size(), size); ++i) {
    v1::AgendaItem& item = *response.add_items();
    item.set_lead_display_name(std::string(rows[i].Text(0)));
    *item.mutable_activity() = static_cast<const Activity&>(*storage::ActivityTable().Read(rows[i], 1).message);
    records.activities().Derive(call, *item.mutable_activity());
  }
  if (rows.size() > size) {
    const Activity& activity = response.items(size - 1).activity();
    const std::vector<std::string> ids = storage::ActivityTable().IdsOf(activity);
    response.set_next_page_token(
        resource::MakePageToken(hash, {FormatDate(activity.due_date()), ids.front(), ids.back()}));
  }
  return response;
}

}  // namespace embudo::pipeline::rpc
