#include "services/reporting/storage/recount.h"

#include "common/base/error.h"
#include "common/filter/schema.h"
#include "services/reporting/storage/lead_table.h"
#include "services/reporting/storage/names.h"

namespace embudo::reporting::storage {
namespace {

using type::v1::Event;
using type::v1::Lead;

/// A table of facts and the records that it is kept of.
struct Pair {
  const char* facts;
  const char* records;
  std::vector<std::string> key;
  std::vector<std::string> columns;
};

const Pair& Leads() {
  static const auto* const pair =
      new Pair{"reporting.lead", "pipeline.lead_record", {"lead_id"}, LeadTable().columns()};
  return *pair;
}
const Pair& Activities() {
  static const auto* const pair = new Pair{"reporting.activity",
                                           "pipeline.activity_record",
                                           {"lead_id", "activity_id"},
                                           {"lead_id", "activity_id", "type", "activity_type_id", "assignee_id",
                                            "state", "due_date", "done_time", "create_time"}};
  return *pair;
}
const Pair& Touches() {
  static const auto* const pair =
      new Pair{"reporting.touch",
               "pipeline.touch_record",
               {"lead_id", "touch_id"},
               {"lead_id", "touch_id", "touch_time", "channel", "source", "medium", "campaign"}};
  return *pair;
}

std::string List(const std::vector<std::string>& columns, const std::string& alias) {
  std::string list;
  for (const std::string& column : columns) list += (list.empty() ? "" : ", ") + alias + column;
  return list;
}

/// The condition that a row is among the leads looked at: $1 is the tenant, $2 and $3 the range, $4 the leads.
std::string Within(const std::string& alias) {
  return alias + ".tenant_id = $1 AND ($2 = '' OR " + alias + ".lead_id > nullif($2, '')::uuid) AND ($3 = '' OR " +
         alias + ".lead_id <= nullif($3, '')::uuid) AND ($4::uuid[] = '{}' OR " + alias + ".lead_id = ANY($4::uuid[]))";
}

/// Facts of a lead that is not there (any more) do not count; they are kept for its return.
std::string OfLiveLead(const Pair& pair, const std::string& alias) {
  if (pair.key.size() == 1) return "";
  return " AND EXISTS (SELECT FROM pipeline.lead_record q WHERE q.tenant_id = $1 AND q.lead_id = " + alias +
         ".lead_id)";
}

/// The leads of rows that one side lacks or that differ, and how many records there are.
std::string CompareStatement(const Pair& pair) {
  std::string on;
  for (const std::string& key : pair.key) on += (on.empty() ? "" : " AND ") + std::string("f.") + key + " = r." + key;
  return "WITH r AS (SELECT " + List(pair.columns, "r.") + " FROM " + pair.records + " r WHERE " + Within("r") +
         OfLiveLead(pair, "r") + "), f AS (SELECT " + List(pair.columns, "f.") + " FROM " + pair.facts + " f WHERE " +
         Within("f") + OfLiveLead(pair, "f") +
         ") SELECT coalesce(f.lead_id, r.lead_id)::text, 0 FROM r FULL JOIN f ON " + on + " WHERE (" +
         List(pair.columns, "r.") + ") IS DISTINCT FROM (" + List(pair.columns, "f.") +
         ") UNION ALL SELECT '', count(*) FROM r";
}

db::Params ParamsOf(const std::string& tenant, const LeadRange& range, const std::set<std::string>& only) {
  return db::Params::Of(tenant, range.after, range.last, std::vector<std::string>(only.begin(), only.end()));
}

absl::Status ComparePair(db::Connection& connection, const Pair& pair, const db::Params& params,
                         std::set<std::string>* differences, int64_t* count) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.Exec(CompareStatement(pair), params));
  for (int i = 0; i < rows.size(); ++i) {
    if (rows[i].Text(0).empty()) {
      *count += rows[i].Int(1);
    } else {
      differences->emplace(rows[i].Text(0));
    }
  }
  return absl::OkStatus();
}

/// Takes the records' rows of some leads over: $1 is the tenant, $2 the leads.
absl::Status CopyPair(db::Connection& connection, const Pair& pair, const std::string& tenant,
                      const std::vector<std::string>& leads) {
  const std::string of = " WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])";
  EMBUDO_RETURN_IF_ERROR(
      connection.Exec(std::string("DELETE FROM ") + pair.facts + of, db::Params::Of(tenant, leads)).status());
  const bool lead = pair.key.size() == 1;
  const std::string more = lead ? ", revision, version" : "";
  const std::string zeros = lead ? ", 0, 0" : "";
  return connection
      .Exec(std::string("INSERT INTO ") + pair.facts + " (tenant_id, " + List(pair.columns, "") + more +
                ") SELECT tenant_id, " + List(pair.columns, "") + zeros + " FROM " + pair.records + of,
            db::Params::Of(tenant, leads))
      .status();
}

constexpr char kStageFields[] =
    "SELECT r.lead_id, r.kind, r.state, r.pipeline_id, r.stage_id, r.stage_enter_time, r.close_time, r.create_time"
    " FROM pipeline.lead_record r WHERE ";
constexpr char kChanges[] = "SELECT r.lead_id, r.data FROM pipeline.lead_change r WHERE ";

template <class Enum>
Enum EnumOf(const google::protobuf::EnumDescriptor* type, std::string_view text) {
  for (int i = 0; i < type->value_count(); ++i) {
    if (filter::ShortName(*type->value(i)) == text) return static_cast<Enum>(type->value(i)->number());
  }
  return Enum();
}

Lead ReadStageFields(const db::Row& row) {
  Lead lead;
  lead.set_kind(EnumOf<Lead::Kind>(Lead::Kind_descriptor(), row.Text(1)));
  lead.set_state(EnumOf<Lead::State>(Lead::State_descriptor(), row.Text(2)));
  if (!row.IsNull(4)) {
    lead.set_stage("pipelines/" + std::string(row.Text(3)) + "/stages/" + std::string(row.Text(4)));
  }
  if (!row.IsNull(5)) *lead.mutable_stage_enter_time() = ToTimestamp(row.TimeAt(5));
  if (!row.IsNull(6)) *lead.mutable_close_time() = ToTimestamp(row.TimeAt(6));
  *lead.mutable_create_time() = ToTimestamp(row.TimeAt(7));
  return lead;
}

absl::Status CompareStays(db::Connection& connection, const std::string& tenant, const db::Params& params,
                          Compared* compared) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result leads, connection.Exec(kStageFields + Within("r"), params));
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec(kChanges + Within("r") + " ORDER BY r.lead_id, r.seq", params));
  std::map<std::string, std::vector<Event>> changes;
  for (int i = 0; i < rows.size(); ++i) {
    Event change;
    if (!change.ParseFromString(rows[i].Bytes(1))) return Internal("a stored change that can't be parsed");
    changes[std::string(rows[i].Text(0))].push_back(std::move(change));
  }
  compared->changes += rows.size();
  std::set<LeadKey> keys;
  for (int i = 0; i < leads.size(); ++i) keys.emplace(tenant, leads[i].Text(0));
  EMBUDO_ASSIGN_OR_RETURN(auto kept, LoadStays(connection, keys));
  for (int i = 0; i < leads.size(); ++i) {
    const std::string id(leads[i].Text(0));
    logic::Stays stays = logic::StaysOf(ReadStageFields(leads[i]), changes[id]);
    compared->stays += static_cast<int64_t>(stays.size());
    if (stays == kept[{tenant, id}]) continue;
    compared->stay_differences.insert(id);
    compared->true_stays[{tenant, id}] = std::move(stays);
  }
  return absl::OkStatus();
}

std::string MeasureSums(const std::string& prefix) {
  std::string list;
  for (const std::string& name : MeasureNames()) list += ", sum(" + prefix + name + ") AS " + name;
  return list;
}

}  // namespace

std::set<std::string> Compared::All() const {
  std::set<std::string> all = lead_differences;
  for (const auto* more : {&activity_differences, &touch_differences, &stay_differences}) {
    all.insert(more->begin(), more->end());
  }
  return all;
}

absl::StatusOr<LeadRange> NextRange(db::Connection& connection, const std::string& tenant, const std::string& after,
                                    int leads) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec("SELECT lead_id FROM pipeline.lead_record WHERE tenant_id = $1"
                      " AND ($2 = '' OR lead_id > nullif($2, '')::uuid) ORDER BY lead_id OFFSET $3::int LIMIT 1",
                      db::Params::Of(tenant, after, leads - 1)));
  return LeadRange{after, rows.empty() ? "" : std::string(rows[0].Text(0))};
}

absl::StatusOr<Compared> CompareRange(db::Connection& connection, const std::string& tenant, const LeadRange& range,
                                      const std::set<std::string>& only) {
  Compared compared;
  const db::Params params = ParamsOf(tenant, range, only);
  EMBUDO_RETURN_IF_ERROR(ComparePair(connection, Leads(), params, &compared.lead_differences, &compared.leads));
  EMBUDO_RETURN_IF_ERROR(
      ComparePair(connection, Activities(), params, &compared.activity_differences, &compared.activities));
  EMBUDO_RETURN_IF_ERROR(ComparePair(connection, Touches(), params, &compared.touch_differences, &compared.touches));
  EMBUDO_RETURN_IF_ERROR(CompareStays(connection, tenant, params, &compared));
  return compared;
}

absl::StatusOr<Compared> RepairRange(db::Connection& connection, const std::string& tenant, const LeadRange& range) {
  EMBUDO_ASSIGN_OR_RETURN(Compared compared, CompareRange(connection, tenant, range));
  const std::set<std::string> all = compared.All();
  if (all.empty()) return compared;
  EMBUDO_ASSIGN_OR_RETURN(auto rollups, RollupChange::Begin(connection, {{tenant, all}}));
  EMBUDO_RETURN_IF_ERROR(rollups.TakeOut(connection));
  const std::vector<std::string> leads(all.begin(), all.end());
  EMBUDO_RETURN_IF_ERROR(CopyPair(connection, Leads(), tenant, leads));
  EMBUDO_RETURN_IF_ERROR(CopyPair(connection, Activities(), tenant, leads));
  EMBUDO_RETURN_IF_ERROR(CopyPair(connection, Touches(), tenant, leads));
  std::set<LeadKey> keys;
  for (const auto& [key, stays] : compared.true_stays) keys.insert(key);
  if (!keys.empty()) EMBUDO_RETURN_IF_ERROR(RemoveStays(connection, keys));
  EMBUDO_RETURN_IF_ERROR(SaveStays(connection, compared.true_stays));
  EMBUDO_RETURN_IF_ERROR(rollups.PutIn(connection));
  return compared;
}

absl::StatusOr<std::string> Describe(db::Connection& connection, const std::string& tenant, const std::string& lead,
                                     const Compared& compared) {
  std::string text = "leads/" + lead + ":";
  if (compared.activity_differences.contains(lead)) text += " activities";
  if (compared.touch_differences.contains(lead)) text += " touches";
  if (compared.stay_differences.contains(lead)) text += " stays";
  if (!compared.lead_differences.contains(lead)) return text;
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec(
          "SELECT coalesce(r.key, f.key) FROM (SELECT (jsonb_each(to_jsonb(x))).* FROM pipeline.lead_record x"
          " WHERE tenant_id = $1 AND lead_id = $2::uuid) r FULL JOIN (SELECT (jsonb_each(to_jsonb(x))).*"
          " FROM reporting.lead x WHERE tenant_id = $1 AND lead_id = $2::uuid) f ON f.key = r.key"
          " WHERE r.value IS DISTINCT FROM f.value AND coalesce(r.key, f.key) NOT IN ('version', 'revision')"
          " ORDER BY 1",
          db::Params::Of(tenant, lead)));
  constexpr int kMany = 40;
  if (rows.size() > kMany) return text + " is on one side only";
  for (int i = 0; i < rows.size(); ++i) text += " " + std::string(rows[i].Text(0));
  return text;
}

absl::StatusOr<RollupCheck> CheckRollup(db::Connection& connection, const Rollup& rollup) {
  EMBUDO_ASSIGN_OR_RETURN(const Settings settings, LoadSettings(connection, rollup.tenant));
  std::string kept;
  std::string facts;
  for (const std::string& name : MeasureNames()) {
    kept += (kept.empty() ? "" : ", ") + std::string("coalesce(k.") + name + ", 0)";
    facts += (facts.empty() ? "" : ", ") + std::string("coalesce(f.") + name + ", 0)";
  }
  const std::string sql =
      "WITH k AS (SELECT key" + MeasureSums("") +
      " FROM reporting.rollup_row WHERE tenant_id = $1 AND rollup_id = $2 GROUP BY key), f AS (SELECT key" +
      MeasureSums("") + " FROM (" + SelectKeys(rollup, settings) +
      ") c GROUP BY key) SELECT coalesce(k.key, f.key)::text, k.c1, f.c1, (SELECT count(*) FROM f)"
      " FROM k FULL JOIN f ON f.key = k.key WHERE (" +
      kept + ") IS DISTINCT FROM (" + facts + ") UNION ALL SELECT NULL, NULL, NULL, count(*) FROM f LIMIT 1000";
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, connection.ExecVarying(sql, db::Params::Of(rollup.tenant, rollup.id)));
  RollupCheck check;
  for (int i = 0; i < rows.size(); ++i) {
    check.rows = rows[i].Int(3);
    if (rows[i].IsNull(0)) continue;
    check.differences.push_back(std::string(rows[i].Text(0)) + ": keeps " + std::string(rows[i].Text(1)) +
                                " records, the facts have " + std::string(rows[i].Text(2)));
  }
  return check;
}

absl::StatusOr<LogEnd> LoadLogEnd(db::Connection& connection) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec("SELECT partition, position, waiting FROM pipeline.event_end"
                                          " WHERE position > 0 OR waiting"));
  LogEnd end;
  for (int i = 0; i < rows.size(); ++i) {
    end.positions[static_cast<int>(rows[i].Int(0))] = rows[i].Int(1);
    end.waiting = end.waiting || rows[i].Bool(2);
  }
  return end;
}

}  // namespace embudo::reporting::storage
