#include "services/reporting/storage/forecast.h"

#include <map>

#include "common/base/error.h"
#include "common/base/money.h"
#include "services/reporting/storage/rollup.h"

namespace embudo::reporting::storage {
namespace {

using v1::ForecastSnapshot;

// Closed ones are told for a year, so that what was won in a quarter is in its snapshots.
constexpr char kClosedSince[] = "interval '400 days'";

/// The lines as they are now: one an opportunity.
std::string CurrentLines(const Settings& settings, const std::string& now) {
  const std::vector<Measure> measures = MeasuresOf(Cube::kLead, settings);
  const auto sql = [&](const std::string& name) {
    for (const Measure& measure : measures) {
      if (measure.name == name) return measure.sql;
    }
    return std::string();
  };
  return "SELECT l.tenant_id, l.lead_id, l.state, l.pipeline_id, l.stage_id, l.owner_id, l.team_id,"
         " CASE WHEN l.state = 'OPEN' THEN l.expected_close_date ELSE (l.close_time AT TIME ZONE " +
         Quote(settings.time_zone) +
         ")::date END AS close_date,"
         // An opportunity's category is its own, or else its stage's.
         " CASE WHEN l.forecast_category <> '' THEN l.forecast_category ELSE coalesce(nullif(nullif(substring(n.data "
         "->>"
         " 'forecast_category' FROM 19), ''), 'UNSPECIFIED'), 'PIPELINE') END AS forecast_category, " +
         sql("a1") + " AS revenue, " + sql("a2") +
         " AS weighted_revenue FROM reporting.lead l LEFT JOIN reporting.name n ON n.tenant_id = l.tenant_id"
         " AND n.name = 'pipelines/' || l.pipeline_id || '/stages/' || l.stage_id"
         " WHERE l.tenant_id = $1 AND l.kind = 'OPPORTUNITY'"
         " AND (l.state = 'OPEN' OR l.close_time > " +
         now + " - " + kClosedSince + ")";
}

constexpr char kSame[] =
    "(f.state, f.pipeline_id, f.stage_id, f.owner_id, f.team_id, f.close_date, f.forecast_category, f.revenue,"
    " f.weighted_revenue) IS NOT DISTINCT FROM (c.state, c.pipeline_id, c.stage_id, c.owner_id, c.team_id,"
    " c.close_date, c.forecast_category, c.revenue, c.weighted_revenue)";

// Both halves see the lines as they were before.
std::string TakeStatement(const Settings& settings) {
  return "WITH c AS MATERIALIZED (" + CurrentLines(settings, "$3::timestamptz") +
         "), ended AS (UPDATE reporting.forecast_line f SET to_sequence = $2 WHERE f.tenant_id = $1"
         " AND f.to_sequence IS NULL AND NOT EXISTS (SELECT FROM c WHERE c.lead_id = f.lead_id AND " +
         kSame +
         ")), begun AS (INSERT INTO reporting.forecast_line (tenant_id, lead_id, from_sequence, state, pipeline_id,"
         " stage_id, owner_id, team_id, close_date, forecast_category, revenue, weighted_revenue)"
         " SELECT c.tenant_id, c.lead_id, $2, c.state, c.pipeline_id, c.stage_id, c.owner_id, c.team_id, c.close_date,"
         " c.forecast_category, c.revenue, c.weighted_revenue FROM c WHERE NOT EXISTS"
         " (SELECT FROM reporting.forecast_line f WHERE f.tenant_id = $1 AND f.lead_id = c.lead_id"
         " AND f.to_sequence IS NULL AND " +
         kSame +
         // By the lead's key, whatever the statistics say of a tenant that has just come.
         " OFFSET 0)) SELECT count(*) FILTER (WHERE state = 'OPEN'), coalesce(sum(revenue) FILTER (WHERE state = "
         "'OPEN'), 0)"
         " FROM c";
}

constexpr char kColumns[] = "sequence, snapshot_id, create_time, daily, open_count, round(open_revenue, 9)";

absl::StatusOr<Snapshot> Read(const db::Row& row, const Settings& settings) {
  Snapshot snapshot{.sequence = row.Int(0)};
  snapshot.resource.set_name("forecastSnapshots/" + std::string(row.Text(1)));
  *snapshot.resource.mutable_create_time() = ToTimestamp(row.TimeAt(2));
  snapshot.resource.set_daily(row.Bool(3));
  snapshot.resource.set_open_count(row.Int(4));
  EMBUDO_ASSIGN_OR_RETURN(*snapshot.resource.mutable_open_revenue(),
                          MoneyFromNumeric(row.Text(5), settings.currency_code));
  return snapshot;
}

std::string Text(Day day) { return FormatDate(ToDate(day)); }

std::optional<Day> MaybeDay(const db::Row& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return std::chrono::floor<std::chrono::days>(row.TimeAt(column));
}

/// The lines of a snapshot, by its sequence.
std::string LinesOf(const std::string& sequence) {
  return "SELECT f.lead_id, f.state, f.close_date, f.owner_id, f.team_id, f.forecast_category, f.revenue,"
         " f.weighted_revenue FROM reporting.forecast_line f WHERE f.tenant_id = $1 AND f.from_sequence <= " +
         sequence + " AND (f.to_sequence IS NULL OR f.to_sequence > " + sequence + ")";
}

}  // namespace

absl::StatusOr<Snapshot> TakeSnapshot(db::Connection& connection, const std::string& tenant, const std::string& id,
                                      const std::string& request_id, const Settings& settings, Time now) {
  // One at a time of a tenant.
  EMBUDO_RETURN_IF_ERROR(
      connection
          .Exec("SELECT pg_advisory_xact_lock(hashtextextended('embudo.snapshot/' || $1, 0))", db::Params::Of(tenant))
          .status());
  EMBUDO_ASSIGN_OR_RETURN(const db::Result there,
                          connection.Exec(std::string("SELECT ") + kColumns +
                                              " FROM reporting.forecast_snapshot WHERE tenant_id = $1"
                                              " AND ($2 <> '' AND snapshot_id = $2 OR $3 <> '' AND request_id = $3)",
                                          db::Params::Of(tenant, id, request_id)));
  if (!there.empty()) return Read(there[0], settings);
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result last,
      connection.Exec("SELECT coalesce(max(sequence), 0) + 1 FROM reporting.forecast_snapshot WHERE tenant_id = $1",
                      db::Params::Of(tenant)));
  const int64_t sequence = last[0].Int(0);
  EMBUDO_ASSIGN_OR_RETURN(const db::Result sums,
                          connection.ExecVarying(TakeStatement(settings), db::Params::Of(tenant, sequence, now)));
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result made,
      connection.Exec(std::string("INSERT INTO reporting.forecast_snapshot (tenant_id, sequence, snapshot_id,"
                                  " create_time, daily, open_count, open_revenue, request_id)"
                                  " VALUES ($1, $2, $3, $4, $5, $6, $7::numeric, $8) RETURNING ") +
                          kColumns,
                      db::Params::Of(tenant, sequence, id.empty() ? std::to_string(sequence) : id, now, !id.empty(),
                                     sums[0].Int(0), sums[0].Text(1), request_id)));
  return Read(made[0], settings);
}

absl::StatusOr<Snapshot> GetSnapshot(db::Connection& connection, const std::string& tenant, const std::string& name,
                                     const Settings& settings) {
  const std::string id = name.substr(name.find('/') + 1);
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec(std::string("SELECT ") + kColumns +
                          " FROM reporting.forecast_snapshot WHERE tenant_id = $1 AND snapshot_id = $2",
                      db::Params::Of(tenant, id)));
  if (rows.empty() || !name.starts_with("forecastSnapshots/")) return NotFound("embudo.dev/ForecastSnapshot", name);
  return Read(rows[0], settings);
}

absl::StatusOr<std::vector<Snapshot>> ListSnapshots(db::Connection& connection, const std::string& tenant,
                                                    std::optional<int64_t> before, int limit,
                                                    const Settings& settings) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec(std::string("SELECT ") + kColumns +
                                              " FROM reporting.forecast_snapshot WHERE tenant_id = $1"
                                              " AND ($2::bigint IS NULL OR sequence < $2::bigint)"
                                              " ORDER BY sequence DESC LIMIT $3",
                                          db::Params::Of(tenant, before, limit)));
  std::vector<Snapshot> snapshots;
  for (int i = 0; i < rows.size(); ++i) {
    EMBUDO_ASSIGN_OR_RETURN(Snapshot snapshot, Read(rows[i], settings));
    snapshots.push_back(std::move(snapshot));
  }
  return snapshots;
}

absl::StatusOr<std::vector<DueSnapshot>> DueSnapshots(db::Connection& connection, Time now, int limit) {
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec("SELECT t.tenant_id, day.id FROM reporting.tenant t,"
                      " LATERAL (SELECT to_char($1::timestamptz AT TIME ZONE t.time_zone, 'YYYY-MM-DD') AS id) day"
                      " WHERE NOT EXISTS (SELECT FROM reporting.forecast_snapshot s WHERE s.tenant_id = t.tenant_id"
                      " AND s.snapshot_id = day.id)"
                      // A tenant without opportunities has nothing to forecast.
                      " AND EXISTS (SELECT FROM reporting.lead l WHERE l.tenant_id = t.tenant_id) LIMIT $2",
                      db::Params::Of(now, limit)));
  std::vector<DueSnapshot> due;
  for (int i = 0; i < rows.size(); ++i) due.push_back({std::string(rows[i].Text(0)), std::string(rows[i].Text(1))});
  return due;
}

absl::StatusOr<std::vector<SnapshotRow>> ReadSnapshot(db::Connection& connection, const std::string& tenant,
                                                      int64_t sequence, Day from, Day to) {
  static const auto* const sql = new std::string(
      "SELECT date_trunc('month', s.close_date::timestamp)::date, date_trunc('quarter', s.close_date::timestamp)::date,"
      " s.owner_id, s.team_id, CASE WHEN s.state = 'OPEN' THEN s.forecast_category ELSE s.state END, count(*),"
      " round(sum(s.revenue), 9), round(sum(s.weighted_revenue), 9) FROM (" +
      LinesOf("$2") +
      ") s WHERE s.state <> 'LOST' AND s.close_date BETWEEN $3::date AND $4::date GROUP BY 1, 2, 3, 4, 5");
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec(*sql, db::Params::Of(tenant, sequence, Text(from), Text(to))));
  std::vector<SnapshotRow> out;
  for (int i = 0; i < rows.size(); ++i) {
    const db::Row row = rows[i];
    out.push_back({.month = MaybeDay(row, 0),
                   .quarter = MaybeDay(row, 1),
                   .owner = std::string(row.Text(2)),
                   .team = std::string(row.Text(3)),
                   .category = std::string(row.Text(4)),
                   .count = row.Int(5),
                   .revenue = std::string(row.Text(6)),
                   .weighted = std::string(row.Text(7))});
  }
  return out;
}

absl::StatusOr<v1::CompareForecastsResponse> Compare(db::Connection& connection, const std::string& tenant,
                                                     int64_t base, std::optional<int64_t> later, Day from, Day to,
                                                     const Settings& settings) {
  const std::string then = later ? LinesOf(std::to_string(*later)) : CurrentLines(settings, "now()");
  const std::string with =
      "WITH b AS (SELECT * FROM (" + LinesOf("$2") +
      ") b WHERE b.state = 'OPEN' AND b.close_date BETWEEN $3::date AND"
      " $4::date), e AS (SELECT * FROM (" +
      then +
      ") e), "
      "m AS (SELECT b.lead_id, b.revenue, b.close_date AS base_date, e.close_date, e.revenue AS now_revenue, CASE"
      " WHEN e.lead_id IS NULL THEN 'removed' WHEN e.state = 'WON' THEN 'won' WHEN e.state = 'LOST' THEN 'lost'"
      " WHEN e.close_date IS NULL OR e.close_date > $4::date THEN 'slipped'"
      " WHEN e.close_date < $3::date THEN 'pulled_in' ELSE 'remaining' END AS outcome"
      " FROM b LEFT JOIN e ON e.lead_id = b.lead_id) ";
  const db::Params params = db::Params::Of(tenant, base, Text(from), Text(to));
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result sums,
      connection.ExecVarying(
          with + "SELECT outcome, count(*), round(sum(revenue), 9), round(coalesce(sum(now_revenue - revenue), 0), 9)"
                 " FROM m GROUP BY outcome UNION ALL"
                 " SELECT 'added', count(*), round(coalesce(sum(e.revenue), 0), 9), 0 FROM e WHERE e.state = 'OPEN'"
                 " AND e.close_date BETWEEN $3::date AND $4::date AND e.lead_id NOT IN (SELECT lead_id FROM b)",
          params));
  v1::CompareForecastsResponse response;
  const std::string& currency = settings.currency_code;
  const std::map<std::string, v1::SlippageAmount*> places = {
      {"won", response.mutable_won()},         {"lost", response.mutable_lost()},
      {"slipped", response.mutable_slipped()}, {"pulled_in", response.mutable_pulled_in()},
      {"removed", response.mutable_removed()}, {"remaining", response.mutable_remaining()},
      {"added", response.mutable_added()},     {"base", response.mutable_base()}};
  for (const auto& [name, place] : places) place->mutable_revenue()->set_currency_code(currency);
  response.mutable_amount_change()->set_currency_code(currency);
  for (int i = 0; i < sums.size(); ++i) {
    const std::string outcome(sums[i].Text(0));
    v1::SlippageAmount& place = *places.at(outcome);
    place.set_count(sums[i].Int(1));
    EMBUDO_ASSIGN_OR_RETURN(*place.mutable_revenue(), MoneyFromNumeric(sums[i].Text(2), currency));
    if (outcome == "added") continue;
    v1::SlippageAmount& all = *response.mutable_base();
    all.set_count(all.count() + place.count());
    EMBUDO_ASSIGN_OR_RETURN(*all.mutable_revenue(), AddMoney(all.revenue(), place.revenue()));
    if (outcome != "remaining") continue;
    EMBUDO_ASSIGN_OR_RETURN(*response.mutable_amount_change(), MoneyFromNumeric(sums[i].Text(3), currency));
  }
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result deals,
      connection.ExecVarying(with + "SELECT 'leads/' || m.lead_id, coalesce(l.display_name, ''), round(m.revenue, 9),"
                                    " m.base_date, m.close_date FROM m LEFT JOIN reporting.lead l"
                                    " ON l.tenant_id = $1 AND l.lead_id = m.lead_id WHERE m.outcome = 'slipped'"
                                    " ORDER BY m.revenue DESC NULLS LAST, m.lead_id LIMIT 200",
                             params));
  for (int i = 0; i < deals.size(); ++i) {
    v1::SlippedDeal& deal = *response.add_deals();
    deal.set_lead(std::string(deals[i].Text(0)));
    deal.set_display_name(std::string(deals[i].Text(1)));
    EMBUDO_ASSIGN_OR_RETURN(*deal.mutable_revenue(), MoneyFromNumeric(deals[i].Text(2), currency));
    *deal.mutable_base_close_date() = ToDate(*MaybeDay(deals[i], 3));
    if (const auto day = MaybeDay(deals[i], 4)) *deal.mutable_close_date() = ToDate(*day);
  }
  return response;
}

}  // namespace embudo::reporting::storage
