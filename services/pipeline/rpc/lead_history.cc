// The past of a lead: as it was at a time, what has changed, and the stages that it was in.

#include "services/pipeline/logic/lead_history.h"

#include <optional>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/resource/page.h"
#include "services/pipeline/logic/derived.h"
#include "services/pipeline/rpc/lead_service.h"
#include "services/pipeline/storage/import_journal.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using type::v1::Event;
using type::v1::Lead;

/// The history of a merged lead is its own.
absl::StatusOr<resource::Record> ParentOf(Records& records, const CallContext& call, const std::string& parent) {
  EMBUDO_RETURN_IF_ERROR(ParseName(records.leads().table().pattern(), parent, "parent").status());
  return records.leads().LoadAsIs(call, parent);
}

absl::StatusOr<Event> EventIn(const db::Row& row, int column) {
  Event event;
  if (!event.ParseFromString(row.Bytes(column))) return Internal("a change in the history that can't be parsed");
  return event;
}

/// The changes of a lead in their order, those after `after` only.
absl::StatusOr<std::vector<Event>> ChangesOf(Records& records, const CallContext& call, const Lead& lead,
                                             std::optional<Time> after) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(records.pool(), call.tenant(), call.deadline,
                                   "SELECT data FROM pipeline.lead_history WHERE tenant_id = $1 AND lead_id = $2::uuid"
                                   " AND ($3::timestamptz IS NULL OR time > $3) ORDER BY seq",
                                   db::Params::Of(call.tenant(), IdOf(lead.name()), after)));
  std::vector<Event> changes;
  for (int i = 0; i < rows.size(); ++i) {
    EMBUDO_ASSIGN_OR_RETURN(Event change, EventIn(rows[i], 0));
    changes.push_back(std::move(change));
  }
  return changes;
}

v1::LeadChange ChangeOf(const Event& event) {
  v1::LeadChange change;
  *change.mutable_time() = event.time();
  change.set_type(event.type());
  change.set_actor(event.actor());
  change.set_origin(event.origin());
  if (event.has_cause()) *change.mutable_cause() = event.cause();
  change.set_event_id(event.id());
  *change.mutable_changed_fields() = event.changed_fields();
  *change.mutable_before() = event.previous().lead();
  change.mutable_before()->clear_name();
  *change.mutable_after() = event.data().lead();
  return change;
}

v1::LeadChange CreationOf(const Lead& lead) {
  v1::LeadChange change;
  *change.mutable_time() = lead.create_time();
  change.set_type("lead.created");
  change.set_actor(lead.creator());
  return change;
}

absl::Status CheckPaths(const v1::ListLeadChangesRequest& request) {
  for (int i = 0; i < request.fields_size(); ++i) {
    const std::string& path = request.fields(i);
    if (Lead::descriptor()->FindFieldByName(path.substr(0, path.find('.'))) == nullptr) {
      return InvalidField("fields[" + std::to_string(i) + "]", "a lead has no field \"" + path + "\"");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Lead> GetLead(Records& records, const CallContext& call, const v1::GetLeadRequest& request) {
  if (!request.has_as_of_time()) {
    Lead lead;
    EMBUDO_RETURN_IF_ERROR(records.leads().Get(call, request, lead));
    return lead;
  }
  const Time as_of = FromTimestamp(request.as_of_time());
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, records.leads().Load(call, request.name(), true));
  auto& lead = static_cast<Lead&>(*record.message);
  if (as_of < FromTimestamp(lead.create_time())) {
    return Error(absl::StatusCode::kOutOfRange, "BEFORE_CREATION",
                 lead.name() + " was created at " + FormatTime(FromTimestamp(lead.create_time())))
        .Meta("create_time", FormatTime(FromTimestamp(lead.create_time())))
        .Field("as_of_time", "is before the lead was created");
  }
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Event> changes, ChangesOf(records, call, lead, as_of));
  if (!changes.empty()) {
    for (auto change = changes.rbegin(); change != changes.rend(); ++change) logic::Undo(*change, lead);
    lead.clear_etag();  // nothing can be written by it
    EMBUDO_ASSIGN_OR_RETURN(const db::Result last,
                            db::Exec(records.pool(), call.tenant(), call.deadline,
                                     "SELECT max(time) FROM pipeline.lead_history WHERE tenant_id = $1"
                                     " AND lead_id = $2::uuid AND time <= $3",
                                     db::Params::Of(call.tenant(), IdOf(lead.name()), as_of)));
    *lead.mutable_update_time() = last[0].IsNull(0) ? lead.create_time() : ToTimestamp(last[0].TimeAt(0));
  }
  EMBUDO_RETURN_IF_ERROR(records.WithScene(call, [&](const logic::Scene& scene) {
    logic::Scene then = scene;
    then.now = std::min(as_of, scene.now);
    logic::Derive(then, lead);
    return absl::OkStatus();
  }));
  return lead;
}

absl::StatusOr<v1::ListLeadChangesResponse> ListLeadChanges(Records& records, const CallContext& call,
                                                            const v1::ListLeadChangesRequest& request) {
  EMBUDO_RETURN_IF_ERROR(CheckPaths(request));
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, ParentOf(records, call, request.parent()));
  const auto& lead = static_cast<const Lead&>(*record.message);
  const std::string query = resource::QueryHash(call, request);
  std::string below = "9223372036854775807";
  if (!request.page_token().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const auto values, resource::ReadPageToken(request.page_token(), query, 1));
    below = values[0];
  }
  const int size = resource::PageSize(request);
  v1::ListLeadChangesResponse response;
  std::string last;
  while (true) {
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                            db::Exec(records.pool(), call.tenant(), call.deadline,
                                     "SELECT seq, data FROM pipeline.lead_history WHERE tenant_id = $1 AND lead_id ="
                                     " $2::uuid AND seq < $3::bigint ORDER BY seq DESC LIMIT $4::int",
                                     db::Params::Of(call.tenant(), IdOf(lead.name()), below, size + 1)));
    for (int i = 0; i < rows.size(); ++i) {
      EMBUDO_ASSIGN_OR_RETURN(const Event event, EventIn(rows[i], 1));
      below = std::string(rows[i].Text(0));
      if (!logic::Touches(event, request.fields())) continue;
      if (response.changes_size() == size) {
        response.set_next_page_token(resource::MakePageToken(query, {last}));
        return response;
      }
      *response.add_changes() = ChangeOf(event);
      last = below;
    }
    if (rows.size() <= size) break;
  }
  // The creation is told by the record itself, and is no change of a field.
  if (!request.fields().empty()) return response;
  if (response.changes_size() == size) {
    response.set_next_page_token(resource::MakePageToken(query, {last}));
  } else {
    *response.add_changes() = CreationOf(lead);
  }
  return response;
}

absl::StatusOr<v1::ListStageStaysResponse> ListStageStays(Records& records, const CallContext& call,
                                                          const v1::ListStageStaysRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, ParentOf(records, call, request.parent()));
  const auto& lead = static_cast<const Lead&>(*record.message);
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<Event> changes, ChangesOf(records, call, lead, std::nullopt));
  EMBUDO_ASSIGN_OR_RETURN(const std::vector<storage::Stay> imported,
                          storage::StaysOf(records.pool(), call.tenant(), IdOf(lead.name()), call.deadline));
  std::vector<logic::EarlierStay> earlier;
  for (const storage::Stay& stay : imported) earlier.push_back({stay.stage, stay.enter_time});
  v1::ListStageStaysResponse response;
  for (v1::StageStay& stay : logic::WithEarlier(earlier, logic::StaysOf(lead, changes, records.clock().Now()))) {
    *response.add_stays() = std::move(stay);
  }
  return response;
}

}  // namespace embudo::pipeline::rpc
