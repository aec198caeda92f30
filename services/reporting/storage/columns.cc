#include "services/reporting/storage/columns.h"

#include <functional>
#include <map>
#include <string_view>

#include "services/reporting/storage/lead_table.h"

namespace embudo::reporting::storage {
namespace {

using resource::Kind;

constexpr std::string_view kCustomPrefix = "custom_fields.";

/// A time that lies in a day or a month: over which facts, and whether it is a day already.
struct TimeColumn {
  const char* sql;
  bool date;
  std::optional<Cube> cube;
};

const std::map<std::string, TimeColumn, std::less<>>& Times() {
  static const auto* const times = new std::map<std::string, TimeColumn, std::less<>>{
      {"create", {"l.create_time", false, {}}},
      {"open", {"l.open_time", false, {}}},
      {"close", {"l.close_time", false, {}}},
      {"assign", {"l.assign_time", false, {}}},
      {"stage_enter", {"l.stage_enter_time", false, {}}},
      {"last_touch", {"l.last_touch_time", false, {}}},
      {"convert", {"l.convert_time", false, {}}},
      {"expected_close", {"l.expected_close_date", true, {}}},
      {"decision", {"l.decision_date", true, {}}},
      {"next_activity", {"l.next_activity_date", true, {}}},
      {"activity_create", {"x.create_time", false, Cube::kActivity}},
      {"due", {"x.due_date", true, Cube::kActivity}},
      {"done", {"x.done_time", false, Cube::kActivity}},
  };
  return *times;
}

const std::map<std::string, Column, std::less<>>& Others() {
  static const auto* const columns = [] {
    auto* map = new std::map<std::string, Column, std::less<>>;
    const auto add = [&](Column column) { map->emplace(column.name, column); };
    add({.name = "probability_band", .sql = "least(floor(l.probability / 10), 9)::int", .type = "int"});
    for (const char* field : {"channel", "source", "medium", "campaign"}) {
      const std::string name = field;
      add({.name = "last_" + name, .sql = "coalesce(lt." + name + ", l." + name + ")", .last_touch = true});
    }
    add({.name = "activity_type_id", .sql = "x.activity_type_id", .cube = Cube::kActivity});
    add({.name = "assignee_id", .sql = "x.assignee_id", .cube = Cube::kActivity});
    add({.name = "activity_state", .sql = "x.state", .cube = Cube::kActivity});
    add({.name = "type", .sql = "x.type", .cube = Cube::kActivity});
    add({.name = "visited_pipeline_id", .sql = "x.pipeline_id", .cube = Cube::kStay});
    add({.name = "visited_stage_id", .sql = "x.stage_id", .cube = Cube::kStay});
    add({.name = "later", .sql = "array_to_string(x.later, ',')", .cube = Cube::kStay});
    return map;
  }();
  return *columns;
}

std::optional<Column> PeriodColumn(const std::string& name, const Settings& settings) {
  const size_t underscore = name.rfind('_');
  if (underscore == std::string::npos) return std::nullopt;
  const std::string unit = name.substr(underscore + 1);
  const auto time = Times().find(name.substr(0, underscore));
  if (time == Times().end() || (unit != "day" && unit != "month")) return std::nullopt;
  std::string sql = time->second.sql;
  if (!time->second.date) sql = "(" + sql + " AT TIME ZONE " + Quote(settings.time_zone) + ")";
  sql = unit == "day" ? sql + "::date" : "date_trunc('month', " + sql + "::timestamp)::date";
  return Column{.name = name, .sql = sql, .type = "date", .cube = time->second.cube};
}

/// A column of reporting.lead, if it is of a kind that groups.
std::optional<Column> LeadColumn(const std::string& name) {
  for (const resource::Field& field : LeadTable().fields()) {
    for (const size_t index : field.columns) {
      if (LeadTable().columns()[index] != name) continue;
      Column column{.name = name, .sql = "l." + name};
      switch (field.kind) {
        case Kind::kText:
        case Kind::kEnum:
          return column;
        case Kind::kBool:
          column.type = "boolean";
          return column;
        case Kind::kInt:
          column.type = "bigint";
          return column;
        case Kind::kDate:
          column.type = "date";
          return column;
        case Kind::kReference:
          if (name == "contact_id" || name == "company_id" || name == "merged_into_id") column.type = "uuid";
          return column;
        case Kind::kTextSet:
        case Kind::kEnumSet:
        case Kind::kReferenceSet:
          column.set = true;
          return column;
        case Kind::kDouble:
        case Kind::kTime:
        case Kind::kMoney:
        case Kind::kJson:
          return std::nullopt;
      }
    }
  }
  return std::nullopt;
}

/// An amount in the tenant's currency: as the pipeline converted it, or as it is where it is in that currency.
std::string Amount(const std::string& field, const std::string& currency) {
  return "coalesce(l.converted_" + field + ", CASE WHEN l." + field + "_currency = " + currency + " THEN l." + field +
         " END, 0)";
}

/// Whether there is an amount that has no rate.
std::string Unconverted(const std::string& field, const std::string& currency) {
  return "(l." + field + " IS NOT NULL AND l.converted_" + field + " IS NULL AND l." + field + "_currency <> " +
         currency + ")";
}

std::vector<Measure> LeadMeasures(const Settings& settings) {
  const std::string currency = Quote(settings.currency_code);
  const std::string zone = " AT TIME ZONE " + Quote(settings.time_zone) + ")::date";
  const std::string cycle = "l.state = 'WON' AND l.open_time <= l.close_time";
  const std::string expected = Amount("expected_revenue", currency);
  const std::string recurring = Amount("recurring_revenue", currency);
  return {
      {"c1", "1::bigint"},
      {"c2", "CASE WHEN " + cycle + " THEN ((l.close_time" + zone + " - (l.open_time" + zone + ")::bigint ELSE 0 END"},
      {"c3", "CASE WHEN " + cycle + " THEN 1::bigint ELSE 0 END"},
      {"c4", "CASE WHEN " + Unconverted("expected_revenue", currency) + " OR " +
                 Unconverted("recurring_revenue", currency) + " THEN 1::bigint ELSE 0 END"},
      {"c5", "CASE WHEN l.convert_time IS NOT NULL THEN 1::bigint ELSE 0 END"},
      {"a1", expected},
      // × 0.01 is exact where ÷ 100 need not be.
      {"a2", expected + " * l.probability::numeric * 0.01"},
      {"a3", recurring},
      {"a4", "CASE WHEN l.recurring_months > 0 THEN " + recurring + " / l.recurring_months ELSE 0 END"},
  };
}

std::vector<Measure> ChildMeasures(const std::map<std::string, std::string>& counts) {
  std::vector<Measure> measures;
  for (const std::string& name : MeasureNames()) {
    const auto found = counts.find(name);
    const std::string none = name[0] == 'c' ? "0::bigint" : "0::numeric";
    measures.push_back({name, found == counts.end() ? none : found->second});
  }
  return measures;
}

}  // namespace

std::string CubeName(Cube cube) { return cube == Cube::kLead ? "lead" : cube == Cube::kActivity ? "activity" : "stay"; }

std::optional<Cube> CubeNamed(const std::string& name) {
  for (const Cube cube : {Cube::kLead, Cube::kActivity, Cube::kStay}) {
    if (CubeName(cube) == name) return cube;
  }
  return std::nullopt;
}

std::string Quote(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += '\'';
    quoted += c;
  }
  return quoted + "'";
}

std::string QuoteName(const std::string& name) {
  // PostgreSQL cuts what is longer than 63 bytes, and two custom fields may begin alike.
  constexpr size_t kLongest = 60;
  if (name.size() > kLongest) {
    return QuoteName(name.substr(0, kLongest - 20) + std::to_string(std::hash<std::string>()(name)));
  }
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::optional<Column> ColumnNamed(const std::string& name, const Settings& settings) {
  if (name.starts_with(kCustomPrefix) && name.size() > kCustomPrefix.size()) {
    const std::string key = Quote(name.substr(kCustomPrefix.size()));
    return Column{.name = name, .sql = "nullif(l.custom_fields ->> " + key + ", '')"};
  }
  if (const auto other = Others().find(name); other != Others().end()) return other->second;
  if (auto period = PeriodColumn(name, settings)) return period;
  return LeadColumn(name);
}

std::string FactsFrom(Cube cube, const std::vector<Column>& columns) {
  std::string from = " FROM reporting.lead l";
  if (cube != Cube::kLead) {
    from = " FROM reporting." + CubeName(cube) +
           " x JOIN reporting.lead l ON l.tenant_id = x.tenant_id AND l.lead_id = x.lead_id";
  }
  for (const Column& column : columns) {
    if (!column.last_touch) continue;
    from +=
        " LEFT JOIN LATERAL (SELECT channel, source, medium, campaign FROM reporting.touch r"
        " WHERE r.tenant_id = l.tenant_id AND r.lead_id = l.lead_id ORDER BY r.touch_time DESC, r.touch_id DESC LIMIT 1"
        ") lt ON TRUE";
    break;
  }
  return from;
}

std::vector<Measure> MeasuresOf(Cube cube, const Settings& settings) {
  switch (cube) {
    case Cube::kLead:
      break;
    case Cube::kActivity:
      return ChildMeasures({{"c1", "1::bigint"}});
    case Cube::kStay:
      return ChildMeasures({{"c1", "1::bigint"},
                            {"c2", "CASE WHEN x.enter_time IS NOT NULL THEN 1::bigint ELSE 0 END"},
                            {"c3",
                             "CASE WHEN l.state = 'LOST' AND l.pipeline_id = x.pipeline_id AND l.stage_id = x.stage_id"
                             " THEN 1::bigint ELSE 0 END"},
                            {"c4", "x.stays"},
                            {"c5", "x.seconds"}});
  }
  return LeadMeasures(settings);
}

const std::vector<std::string>& MeasureNames() {
  static const auto* const names = new std::vector<std::string>{"c1", "c2", "c3", "c4", "c5", "a1", "a2", "a3", "a4"};
  return *names;
}

}  // namespace embudo::reporting::storage
