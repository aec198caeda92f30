#include "services/reporting/logic/forecast.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/money.h"
#include "services/reporting/rpc/quotas.h"
#include "services/reporting/rpc/reading.h"
#include "services/reporting/rpc/reports.h"
#include "services/reporting/storage/catalogue.h"
#include "services/reporting/storage/forecast.h"

namespace embudo::reporting {
namespace {

using logic::Dimension;
using logic::Period;
using rpc::CallContext;

constexpr char kMonth[] = "expected_close_month";
constexpr char kQuarter[] = "expected_close_quarter";
constexpr char kCategory[] = "forecast_category";

/// A forecast's rows, by the texts of their values.
class Rows {
 public:
  explicit Rows(std::string currency) : currency_(std::move(currency)) {}

  absl::Status Add(std::vector<logic::Value> values, const std::string& category, int64_t count, int64_t other,
                   const std::string& revenue, const std::string& weighted) {
    std::vector<std::string> key;
    for (const logic::Value& value : values) key.push_back(value.value);
    auto [row, made] = rows_.try_emplace(key, std::move(values), logic::NoForecast(currency_));
    EMBUDO_ASSIGN_OR_RETURN(const auto money, MoneyFromNumeric(revenue.empty() ? "0" : revenue, currency_));
    EMBUDO_ASSIGN_OR_RETURN(const auto weight, MoneyFromNumeric(weighted.empty() ? "0" : weighted, currency_));
    return logic::AddForecast(category, count, other, money, weight, row->second.second);
  }
  std::map<std::vector<std::string>, std::pair<std::vector<logic::Value>, v1::ForecastMeasures>>& rows() {
    return rows_;
  }

 private:
  const std::string currency_;
  std::map<std::vector<std::string>, std::pair<std::vector<logic::Value>, v1::ForecastMeasures>> rows_;
};

const std::vector<storage::Aggregate>& Aggregates() {
  static const auto* const aggregates =
      new std::vector<storage::Aggregate>{{"sum(t.c1)"}, {"sum(t.c4)"}, {"sum(t.a1)", true}, {"sum(t.a2)", true}};
  return *aggregates;
}

int64_t ToInt(const std::string& text) { return text.empty() ? 0 : std::stoll(text); }

/// What a forecast is asked for.
struct Ask {
  std::vector<Dimension> dimensions;
  Day from, to;
};

absl::StatusOr<Ask> ReadAsk(Reading& reading, const v1::GetForecastRequest& request) {
  Ask ask;
  std::vector<std::string> group_by(request.group_by().begin(), request.group_by().end());
  if (group_by.empty()) group_by.emplace_back(kMonth);
  EMBUDO_ASSIGN_OR_RETURN(ask.dimensions, logic::ParseGroupBy(group_by));
  ask.from = request.has_start_date() ? FromDate(request.start_date()) : logic::FirstOfMonth(reading.Today());
  ask.to = request.has_end_date() ? FromDate(request.end_date())
                                  : logic::AddMonths(logic::FirstOfMonth(ask.from), 3) - std::chrono::days(1);
  if (ask.to < ask.from) return logic::TurnedRound("end_date");
  return ask;
}

/// The same dimension of opportunities that were won: they are in the month that they were closed in.
Dimension OfWon(Dimension dimension) {
  if (dimension.kind == Dimension::Kind::kPeriod && dimension.field == "expected_close") dimension.field = "close";
  return dimension;
}

absl::Status ReadNow(Reading& reading, const v1::GetForecastRequest& request, const Ask& ask, Rows& rows) {
  EMBUDO_ASSIGN_OR_RETURN(storage::Query query, reading.MakeQuery({}, request.filter()));
  EMBUDO_ASSIGN_OR_RETURN(const auto stages, storage::LoadStages(reading.connection(), reading.tenant()));
  const size_t shown = ask.dimensions.size();
  const auto category_at = static_cast<size_t>(std::find_if(ask.dimensions.begin(), ask.dimensions.end(),
                                                            [](const Dimension& d) { return d.name == kCategory; }) -
                                               ask.dimensions.begin());
  for (const bool won : {false, true}) {
    query.dimensions.clear();
    for (const Dimension& dimension : ask.dimensions) query.dimensions.push_back(won ? OfWon(dimension) : dimension);
    // A category that is not the opportunity's own is its stage's.
    EMBUDO_ASSIGN_OR_RETURN(const auto hidden, logic::ParseGroupBy({kCategory, "stage"}));
    query.dimensions.insert(query.dimensions.end(), hidden.begin(), hidden.end());
    query.bounds = {won ? "close" : "expected_close", ask.from, ask.to};
    query.condition = won ? "t.state = 'WON'" : "t.state = 'OPEN'";
    EMBUDO_ASSIGN_OR_RETURN(storage::Cells cells, reading.Run(query, Aggregates()));
    for (storage::Cells::Row& row : cells.rows) {
      std::string category = row.values[shown].value;
      const auto stage = stages.find(row.values[shown + 1].value);
      if (category.empty()) category = stage == stages.end() ? "PIPELINE" : stage->second.forecast_category;
      row.values.resize(shown);
      if (category_at < shown) row.values[category_at].value = row.values[category_at].display_name = category;
      EMBUDO_RETURN_IF_ERROR(rows.Add(std::move(row.values), won ? "WON" : category, ToInt(row.cells[0]),
                                      ToInt(row.cells[1]), row.cells[2], row.cells[3]));
    }
  }
  return absl::OkStatus();
}

logic::Value ValueOf(const Dimension& dimension, const storage::SnapshotRow& row) {
  logic::Value value;
  if (dimension.name == kMonth && row.month) value.value = logic::PeriodText(Period::kMonth, *row.month);
  if (dimension.name == kQuarter && row.quarter) value.value = logic::PeriodText(Period::kQuarter, *row.quarter);
  if (dimension.name == kCategory) value.value = row.category;
  if (dimension.name == "owner" && !row.owner.empty()) value = {.value = "users/" + row.owner, .reference = true};
  if (dimension.name == "team" && !row.team.empty()) value = {.value = "teams/" + row.team, .reference = true};
  value.display_name = value.value;
  return value;
}

absl::Status ReadThen(Reading& reading, const v1::GetForecastRequest& request, const Ask& ask, Rows& rows) {
  if (!request.filter().empty()) return InvalidField("filter", "does not go with a snapshot");
  for (size_t i = 0; i < ask.dimensions.size(); ++i) {
    const std::string& name = ask.dimensions[i].name;
    if (name == kMonth || name == kQuarter || name == kCategory || name == "owner" || name == "team") continue;
    return InvalidField("group_by[" + std::to_string(i) + "]", "\"" + name + "\" is not kept in snapshots");
  }
  EMBUDO_ASSIGN_OR_RETURN(
      const storage::Snapshot snapshot,
      storage::GetSnapshot(reading.connection(), reading.tenant(), request.snapshot(), reading.settings()));
  EMBUDO_ASSIGN_OR_RETURN(const auto lines, storage::ReadSnapshot(reading.connection(), reading.tenant(),
                                                                  snapshot.sequence, ask.from, ask.to));
  const storage::Visibility& sight = reading.visibility();
  for (const storage::SnapshotRow& line : lines) {
    // Whose it was then; what others shared is not kept.
    const bool own = line.owner == sight.user;
    const bool team = std::find(sight.teams.begin(), sight.teams.end(), line.team) != sight.teams.end();
    if (sight.scope != storage::Visibility::Scope::kAll && !own && !team) continue;
    std::vector<logic::Value> values;
    for (const Dimension& dimension : ask.dimensions) values.push_back(ValueOf(dimension, line));
    EMBUDO_RETURN_IF_ERROR(rows.Add(std::move(values), line.category, line.count, 0, line.revenue, line.weighted));
  }
  return absl::OkStatus();
}

/// The days that a row is of, by its month or quarter: `2017-03`, `2017-Q1`.
void Narrow(const std::string& text, Day* from, Day* to) {
  if (text.size() < 7) return;
  const int year = std::atoi(text.substr(0, 4).c_str());
  const bool quarter = text[5] == 'Q';
  const int number = std::atoi(text.substr(quarter ? 6 : 5).c_str());
  const Day first =
      std::chrono::year(year) / std::chrono::month(static_cast<unsigned>(quarter ? number * 3 - 2 : number)) / 1;
  *from = std::max(*from, first);
  *to = std::min(*to, logic::AddMonths(first, quarter ? 3 : 1) - std::chrono::days(1));
}

/// Whose quota a row has: that of its team or user, and the whole report's where it has neither; nullopt where it is by
/// something that has no quota.
std::optional<std::string> WhoseQuota(const std::vector<Dimension>& dimensions, const std::vector<logic::Value>& values,
                                      Day* from, Day* to) {
  std::string whose;
  for (size_t i = 0; i < dimensions.size(); ++i) {
    const std::string& name = dimensions[i].name;
    if (name == kMonth || name == kQuarter) {
      Narrow(values[i].value, from, to);
    } else if ((name == "owner" || name == "team") && whose.empty() && !values[i].value.empty()) {
      whose = values[i].value;
    } else {
      return std::nullopt;
    }
  }
  return whose;
}

}  // namespace

absl::StatusOr<v1::GetForecastResponse> MakeReport(const Room& room, const CallContext& call,
                                                   const v1::GetForecastRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(Reading reading, Reading::Begin(room, call, request.min_positions()));
  EMBUDO_ASSIGN_OR_RETURN(const Ask ask, ReadAsk(reading, request));
  Rows found(reading.settings().currency_code);
  EMBUDO_RETURN_IF_ERROR(request.snapshot().empty() ? ReadNow(reading, request, ask, found)
                                                    : ReadThen(reading, request, ask, found));
  EMBUDO_ASSIGN_OR_RETURN(const storage::Query query, reading.MakeQuery({}, request.filter()));
  EMBUDO_ASSIGN_OR_RETURN(const QuotaSource quotas, QuotaSource::Load(reading, query.filter));

  v1::GetForecastResponse response;
  *response.mutable_total() = logic::NoForecast(reading.settings().currency_code);
  std::vector<logic::Row> rows;
  std::vector<v1::ForecastMeasures> measures;
  for (auto& [key, row] : found.rows()) {
    EMBUDO_RETURN_IF_ERROR(logic::AddForecast(row.second, *response.mutable_total()));
    Day from = ask.from;
    Day to = ask.to;
    const auto whose = WhoseQuota(ask.dimensions, row.first, &from, &to);
    EMBUDO_RETURN_IF_ERROR(logic::FinishForecast(whose ? quotas.Of(*whose, from, to) : std::nullopt, row.second));
    logic::Row& out = rows.emplace_back();
    out.values = std::move(row.first);
    out.measures.count = static_cast<int64_t>(measures.size());
    measures.push_back(std::move(row.second));
  }
  EMBUDO_RETURN_IF_ERROR(reading.Name(rows));
  for (const logic::Row& row : rows) {
    v1::ForecastRow& out = *response.add_rows();
    AddDimensions(ask.dimensions, row, out.mutable_dimensions());
    *out.mutable_measures() = measures[static_cast<size_t>(row.measures.count)];
  }
  EMBUDO_RETURN_IF_ERROR(logic::FinishForecast(quotas.Of({}, ask.from, ask.to), *response.mutable_total()));
  *response.mutable_freshness() = reading.freshness();
  if (!request.snapshot().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(
        const storage::Snapshot snapshot,
        storage::GetSnapshot(reading.connection(), reading.tenant(), request.snapshot(), reading.settings()));
    *response.mutable_freshness()->mutable_as_of() = snapshot.resource.create_time();
  }
  return response;
}

}  // namespace embudo::reporting
