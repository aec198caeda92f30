#include "services/reporting/storage/report.h"

#include <algorithm>
#include <set>

#include "common/base/error.h"
#include "services/reporting/storage/dimension_sql.h"
#include "services/reporting/storage/lead_table.h"

namespace embudo::reporting::storage {
namespace {

using resource::Kind;

/// In which a sum of a million records is made, amply.
constexpr std::chrono::seconds kSumTime{60};

/// Texts that have few values.
const std::set<std::string, std::less<>>& ShortTexts() {
  static const auto* const texts = new std::set<std::string, std::less<>>{
      "office", "company_name", "industry", "country", "source", "medium", "campaign", "language", "contact_role"};
  return *texts;
}

/// The columns that a filter reads, if each record's answer follows from them alone; nullopt if it asks for something
/// that no rollup can be by.
std::optional<std::vector<std::string>> ColumnsOfFilter(const filter::Filter& filter) {
  std::vector<std::string> columns;
  for (const std::string& path : filter.fields()) {
    const std::string name = path.substr(0, path.find('.'));
    const resource::Field* field = LeadTable().FindField(name);
    if (field == nullptr) return std::nullopt;
    // `stage.display_name` was looked up, and is a question about the stage.
    const bool looked_up = name != path;
    const bool plain = field->kind == Kind::kEnum || field->kind == Kind::kBool || field->kind == Kind::kInt ||
                       field->kind == Kind::kDate || (field->kind == Kind::kText && ShortTexts().contains(name));
    if (field->kind != Kind::kReference && (looked_up || !plain)) return std::nullopt;
    for (const size_t index : field->columns) columns.push_back(LeadTable().columns()[index]);
  }
  return columns;
}

bool IsMonthStart(Day day) { return std::chrono::year_month_day(day).day() == std::chrono::day(1); }

/// Whether the bounds cut no month.
bool AreMonths(const Bounds& bounds) {
  return (!bounds.from || IsMonthStart(*bounds.from)) &&
         (!bounds.to || IsMonthStart(*bounds.to + std::chrono::days(1)));
}

std::string Text(Day day) { return "'" + FormatDate(ToDate(day)) + "'::date"; }

/// The statement of a query. Its first column tells the total from the rows; the dimensions' columns and the aggregates
/// follow.
class Statement {
 public:
  Statement(const Query& query, const std::vector<Aggregate>& aggregates) : query_(query), aggregates_(aggregates) {
    params_.Add(query.tenant);
    by_day_ = !query.bounds.time.empty() && !AreMonths(query.bounds);
    for (const logic::Dimension& dimension : query.dimensions) AddDimension(dimension);
    for (const std::string& column : query.condition_columns) Need(column);
    if (!query.bounds.time.empty()) Need(BoundsColumn());
    if (query.visibility.scope != Visibility::Scope::kAll) {
      Need("owner_id");
      Need("team_id");
    }
    const auto of_filter = ColumnsOfFilter(query.filter);
    keepable_ = of_filter.has_value();
    if (of_filter) {
      for (const std::string& column : *of_filter) Need(column);
    }
    WriteWhere();
  }

  /// Looks for the rollups that answer it.
  absl::Status Resolve(db::Connection& connection) {
    // Where rows are by sets, the total has a rollup of its own.
    EMBUDO_ASSIGN_OR_RETURN(whole_source_, Find(connection, WithoutSets()));
    if (!HasSets()) {
      source_ = whole_source_;
    } else if (whole_source_) {
      EMBUDO_ASSIGN_OR_RETURN(source_, Find(connection, needed_));
    }
    return absl::OkStatus();
  }

  std::string Text() const {
    const std::string aggregates = AggregateList();
    const std::string keys = KeyNumbers();
    const std::string total =
        "SELECT " + aggregates + " FROM (" + Source(WithoutSets(), whole_source_) + ") t" + where_;
    if (expressions_.empty()) return "WITH a AS (" + total + ") SELECT TRUE" + ResultList(false) + " FROM a";
    // The sum of the groups is the total, unless a record is in several of them.
    return "WITH g AS (SELECT " + selected_ + ", " + aggregates + " FROM (" + Source(needed_, source_) + ") t" +
           where_ + " GROUP BY " + keys + " HAVING sum(t.c1) <> 0)" + (HasSets() ? ", a AS (" + total + ")" : "") +
           " (SELECT FALSE" + aliases_ + ResultList(false) + " FROM g LIMIT " + std::to_string(logic::kMaxRows + 1) +
           ") UNION ALL SELECT TRUE" + nulls_ + ResultList(true) + " FROM " + (HasSets() ? "a" : "g");
  }

  const db::Params& params() const { return params_; }
  /// The first column of each dimension, then that of the aggregates.
  const std::vector<int>& columns() const { return columns_; }
  const std::optional<Rollup>& rollup() const { return source_; }
  std::optional<std::vector<std::string>> Wanted() const {
    if (!keepable_ || source_) return std::nullopt;
    std::vector<std::string> names;
    for (const Column& column : whole_source_ ? needed_ : WithoutSets()) {
      if (!IsFixed(column)) names.push_back(column.name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  static bool IsFixed(const Column& column) {
    return column.name == "kind" || column.name == "state" || column.name == "archived";
  }

  void Need(const std::string& name) {
    const bool there = std::any_of(needed_.begin(), needed_.end(), [&](const Column& c) { return c.name == name; });
    if (there) return;
    if (auto column = ColumnNamed(name, query_.settings)) needed_.push_back(*std::move(column));
  }

  bool ByDay(const logic::Dimension& dimension) const { return by_day_ && dimension.field == query_.bounds.time; }
  std::string BoundsColumn() const { return query_.bounds.time + (by_day_ || BoundsNeedDays() ? "_day" : "_month"); }
  /// Whether the rows are by days or weeks of the same time: then the days are there anyway.
  bool BoundsNeedDays() const {
    return std::any_of(query_.dimensions.begin(), query_.dimensions.end(), [&](const logic::Dimension& dimension) {
      return dimension.field == query_.bounds.time &&
             (dimension.period == logic::Period::kDay || dimension.period == logic::Period::kWeek);
    });
  }

  bool HasSets() const {
    return std::any_of(needed_.begin(), needed_.end(), [](const Column& column) { return column.set; });
  }
  std::vector<Column> WithoutSets() const {
    std::vector<Column> columns;
    std::copy_if(needed_.begin(), needed_.end(), std::back_inserter(columns), [](const Column& c) { return !c.set; });
    return columns;
  }

  void AddDimension(const logic::Dimension& dimension) {
    for (const std::string& column : ColumnsOf(dimension, ByDay(dimension))) Need(column);
    for (const std::string& expression : Expressions(dimension, ByDay(dimension))) {
      expressions_.push_back(expression);
      const std::string alias = "g" + std::to_string(expressions_.size());
      selected_ += (selected_.empty() ? "" : ", ") + expression + " AS " + alias;
      aliases_ += ", " + alias;
      nulls_ += ", NULL";
    }
    columns_.push_back(1 + static_cast<int>(expressions_.size()));
  }

  void WriteWhere() {
    where_ = " WHERE TRUE";
    if (!query_.kind.empty()) where_ += " AND t.kind = " + Quote(query_.kind);
    if (query_.closed_only) where_ += " AND t.state IN ('WON', 'LOST')";
    if (!query_.condition.empty()) where_ += " AND " + query_.condition;
    if (!query_.bounds.time.empty()) {
      const std::string day = "t." + QuoteName(BoundsColumn());
      if (query_.bounds.from) where_ += " AND " + day + " >= " + storage::Text(*query_.bounds.from);
      // Of a month, the first day stands for all of it.
      if (query_.bounds.to) where_ += " AND " + day + " <= " + storage::Text(*query_.bounds.to);
    }
    const filter::Sql sql = query_.filter.ToSql(params_.size() + 1, query_.now);
    for (const std::string& parameter : sql.parameters) params_.Add(parameter);
    where_ += " AND " + sql.clause;
  }

  absl::StatusOr<std::optional<Rollup>> Find(db::Connection& connection, const std::vector<Column>& columns) const {
    if (!keepable_) return std::optional<Rollup>();
    std::vector<std::string> names;
    for (const Column& column : columns) {
      if (!IsFixed(column)) names.push_back(column.name);
    }
    return FindRollup(connection, query_.tenant, query_.cube, names, query_.settings);
  }

  /// What a report is made from, with what the caller may see.
  std::string Source(const std::vector<Column>& columns, const std::optional<Rollup>& rollup) const {
    const bool all = query_.visibility.scope == Visibility::Scope::kAll;
    const std::string tenant = (query_.cube == Cube::kLead ? "l" : "x") + std::string(".tenant_id = $1");
    if (!rollup) {
      return SelectFacts(query_.cube, columns, query_.settings,
                         tenant + (all ? "" : " AND " + VisibleClause(query_.visibility, "l")));
    }
    if (all) return SelectRollup(*rollup, columns);
    // Rollups know owners and teams; what others share with the caller is read from the facts, which are few.
    std::string list = "kind, state, archived";
    std::string facts = list;
    for (const Column& column : columns) {
      if (IsFixed(column)) continue;
      list += ", " + NameOf(column);
      // Rollups have one kind of none.
      facts += ", " + (column.type == "text" ? "nullif(" + NameOf(column) + ", '')" : NameOf(column));
    }
    std::string measures;
    for (const std::string& name : MeasureNames()) measures += ", " + name;
    const std::string own = OwnClause(query_.visibility, "o");
    const std::string shared = tenant + " AND " + SharedClause(query_.visibility, "l") + " AND (" +
                               OwnClause(query_.visibility, "l") + ") IS NOT TRUE";
    return "SELECT " + list + measures + " FROM (" + SelectRollup(*rollup, columns) + ") o WHERE " + own +
           " UNION ALL SELECT " + facts + measures + " FROM (" +
           SelectFacts(query_.cube, columns, query_.settings, shared) + ") f";
  }

  std::string AggregateList() const {
    std::string list;
    for (size_t i = 0; i < aggregates_.size(); ++i) {
      list += (i == 0 ? "" : ", ") + aggregates_[i].sql + " AS m" + std::to_string(i);
    }
    return list;
  }
  std::string KeyNumbers() const {
    std::string list;
    for (size_t i = 1; i <= expressions_.size(); ++i) list += (i == 1 ? "" : ", ") + std::to_string(i);
    return list;
  }
  /// The aggregates of one group, or their sums over groups. Only here are amounts rounded to what Money holds.
  std::string ResultList(bool sum) const {
    std::string list;
    for (size_t i = 0; i < aggregates_.size(); ++i) {
      std::string column = "m" + std::to_string(i);
      if (sum) column = "sum(" + column + ")";
      list += ", " + (aggregates_[i].amount ? "round(" + column + ", 9)" : column);
    }
    return list;
  }

  const Query& query_;
  const std::vector<Aggregate>& aggregates_;
  db::Params params_;
  bool by_day_ = false;
  bool keepable_ = false;
  std::vector<Column> needed_;
  std::string where_;
  std::vector<std::string> expressions_;
  std::string selected_, aliases_, nulls_;
  std::vector<int> columns_ = {1};
  std::optional<Rollup> source_, whole_source_;
};

absl::Status TooManyRows() {
  const std::string limit = std::to_string(logic::kMaxRows);
  return Error(absl::StatusCode::kInvalidArgument, "TOO_MANY_ROWS",
               "the report has more than " + limit + " rows; group by less, or narrow the filter")
      .Meta("limit", limit)
      .Field("group_by", "gives more than " + limit + " rows");
}

/// `made`: a sum that answers it is made because it was asked for.
absl::Status TooLarge(std::chrono::milliseconds limit, bool made) {
  const std::string seconds = std::to_string(limit.count() / 1000.0).substr(0, 4);
  Error error(absl::StatusCode::kResourceExhausted, "REPORT_TOO_LARGE",
              "no kept sum answers this report, and going through the records takes longer than " + seconds + " s; " +
                  (made ? "a sum that does is being made, try again in a minute"
                        : "narrow the filter, or group and filter by dimensions"));
  error.Meta("limit_ms", std::to_string(limit.count()));
  if (made) error.RetryAfter(kSumTime);
  return error;
}

/// Resolves it, once more if the sum that would answer was being made.
absl::Status ResolveOrWait(db::Connection& connection, const Query& query, Statement& statement) {
  EMBUDO_RETURN_IF_ERROR(statement.Resolve(connection));
  const auto wanted = statement.Wanted();
  const bool made = wanted && query.await_sum && query.await_sum(query.cube, *wanted, query.limit);
  return made ? statement.Resolve(connection) : absl::OkStatus();
}

}  // namespace

absl::StatusOr<Cells> RunQuery(db::Connection& connection, const Query& query, const std::vector<Aggregate>& aggregates,
                               Origin* origin) {
  Statement statement(query, aggregates);
  EMBUDO_RETURN_IF_ERROR(ResolveOrWait(connection, query, statement));
  *origin = {statement.rollup(), statement.Wanted()};
  if (!statement.rollup()) {
    EMBUDO_RETURN_IF_ERROR(connection.SetTimeout(query.limit));
    EMBUDO_RETURN_IF_ERROR(connection.ExecScript("SET work_mem = '" + std::string(kFactsMemory) + "'"));
  }
  const absl::StatusOr<db::Result> result = connection.ExecVarying(statement.Text(), statement.params());
  if (!statement.rollup() && !connection.broken()) connection.ExecScript("RESET work_mem").IgnoreError();
  if (result.status().code() == absl::StatusCode::kDeadlineExceeded && !statement.rollup())
    return TooLarge(query.limit, origin->wanted.has_value());
  if (!result.ok()) return result.status();
  if (result->size() > logic::kMaxRows + 1) return TooManyRows();
  const std::vector<int>& columns = statement.columns();
  Cells cells;
  for (int i = 0; i < result->size(); ++i) {
    const db::Row row = (*result)[i];
    std::vector<std::string> texts;
    for (size_t a = 0; a < aggregates.size(); ++a) texts.emplace_back(row.Text(columns.back() + static_cast<int>(a)));
    if (row.Bool(0)) {
      cells.total = std::move(texts);
      continue;
    }
    Cells::Row& out = cells.rows.emplace_back();
    out.cells = std::move(texts);
    for (size_t d = 0; d < query.dimensions.size(); ++d) {
      out.values.push_back(ReadValue(query.dimensions[d], row, columns[d]));
    }
  }
  return cells;
}

}  // namespace embudo::reporting::storage
