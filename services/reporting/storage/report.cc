#include "services/reporting/storage/report.h"

#include <array>

#include "common/base/error.h"
#include "common/base/money.h"
#include "services/reporting/storage/dimension_sql.h"

namespace embudo::reporting::storage {
namespace {

using logic::Measures;

/// One column of the measures: how records sum up to it, and where it goes. In the SQL, `:c` stands for the tenant's
/// currency and `:z` for its time zone. numeric × 0.01 is exact where ÷ 100 need not be.
struct Measure {
  const char* sql;
  int64_t Measures::*count;
  google::type::Money Measures::*amount;
};

constexpr std::array<Measure, 15> kMeasures = {{
    {"count(*)", &Measures::count, nullptr},
    {"count(*) FILTER (WHERE t.state = 'OPEN')", &Measures::open_count, nullptr},
    {"count(*) FILTER (WHERE t.state = 'WON')", &Measures::won_count, nullptr},
    {"count(*) FILTER (WHERE t.state = 'LOST')", &Measures::lost_count, nullptr},
    {"sum(t.expected_revenue) FILTER (WHERE t.expected_revenue_currency = :c)", nullptr, &Measures::expected_revenue},
    {"sum(t.expected_revenue) FILTER (WHERE t.expected_revenue_currency = :c AND t.state = 'OPEN')", nullptr,
     &Measures::open_revenue},
    {"sum(t.expected_revenue) FILTER (WHERE t.expected_revenue_currency = :c AND t.state = 'WON')", nullptr,
     &Measures::won_revenue},
    {"sum(t.expected_revenue) FILTER (WHERE t.expected_revenue_currency = :c AND t.state = 'LOST')", nullptr,
     &Measures::lost_revenue},
    {"sum(t.expected_revenue * t.probability::numeric * 0.01) FILTER (WHERE t.expected_revenue_currency = :c)", nullptr,
     &Measures::weighted_revenue},
    {"sum(t.expected_revenue * t.probability::numeric * 0.01)"
     " FILTER (WHERE t.expected_revenue_currency = :c AND t.state = 'OPEN')",
     nullptr, &Measures::weighted_open_revenue},
    {"sum(t.recurring_revenue) FILTER (WHERE t.recurring_revenue_currency = :c)", nullptr,
     &Measures::recurring_revenue},
    {"sum(t.recurring_revenue / t.recurring_months)"
     " FILTER (WHERE t.recurring_revenue_currency = :c AND t.recurring_months > 0)",
     nullptr, &Measures::monthly_recurring_revenue},
    {"sum((t.close_time AT TIME ZONE :z)::date - (t.open_time AT TIME ZONE :z)::date)"
     " FILTER (WHERE t.state = 'WON' AND t.open_time <= t.close_time)",
     &Measures::won_cycle_days, nullptr},
    {"count(*) FILTER (WHERE t.state = 'WON' AND t.open_time <= t.close_time)", &Measures::won_cycle_count, nullptr},
    {"count(*) FILTER (WHERE t.expected_revenue_currency <> :c OR t.recurring_revenue_currency <> :c)",
     &Measures::other_currency_count, nullptr},
}};

std::string Replace(std::string text, const std::string& what, const std::string& by) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

/// `count(*) AS m0, …`, over records.
std::string MeasureList(const std::string& currency, const std::string& zone) {
  std::string out;
  for (size_t i = 0; i < kMeasures.size(); ++i) {
    const std::string sql = Replace(Replace(kMeasures[i].sql, ":c", currency), ":z", zone);
    out += (i == 0 ? "" : ", ") + sql + " AS m" + std::to_string(i);
  }
  return out;
}

/// The measures of one group, or their sums over groups. Only here are amounts rounded to what Money holds.
std::string ResultList(bool sum) {
  std::string out;
  for (size_t i = 0; i < kMeasures.size(); ++i) {
    std::string column = "m" + std::to_string(i);
    if (sum) column = "sum(" + column + ")";
    out += ", " + (kMeasures[i].amount == nullptr ? column : "round(" + column + ", 9)");
  }
  return out;
}

/// The statement of a query. Its first column tells the total from the rows; the dimensions' columns and the measures
/// follow.
class Statement {
 public:
  explicit Statement(const Query& query) {
    const std::string tenant = Place(query.tenant);
    currency_ = Place(query.settings.currency_code) + "::text";
    zone_ = Place(query.settings.time_zone) + "::text";
    const std::string kind = Place(query.kind);
    where_ = " WHERE t.tenant_id = " + tenant + " AND t.kind = " + kind;
    if (query.closed_only) where_ += " AND t.state IN ('WON', 'LOST')";
    if (query.visibility.scope != Visibility::Scope::kAll) {
      params_.Add(query.visibility.user);
      where_ += " AND " + VisibleClause(query.visibility, 1, params_.size());
    }
    const filter::Sql sql = query.filter.ToSql(params_.size() + 1, query.now);
    for (const std::string& parameter : sql.parameters) params_.Add(parameter);
    where_ += " AND " + sql.clause;
    for (const logic::Dimension& dimension : query.dimensions) Add(dimension);
  }

  std::string Text() const {
    const std::string measures = MeasureList(currency_, zone_);
    const std::string all = "SELECT " + measures + " FROM reporting.lead t" + where_;
    if (keys_.empty()) return "WITH a AS (" + all + ") SELECT TRUE" + ResultList(false) + " FROM a";
    // The sum of the groups is the total, unless a record is in several of them.
    const bool apart = !joins_.empty();
    return "WITH g AS (SELECT " + selected_ + ", " + measures + " FROM reporting.lead t" + joins_ + where_ +
           " GROUP BY " + keys_ + ")" + (apart ? ", a AS (" + all + ")" : "") + " (SELECT FALSE" + aliases_ +
           ResultList(false) + " FROM g LIMIT " + std::to_string(logic::kMaxRows + 1) + ") UNION ALL SELECT TRUE" +
           nulls_ + ResultList(true) + " FROM " + (apart ? "a" : "g");
  }

  const db::Params& params() const { return params_; }
  /// The first column of each dimension, then that of the measures.
  const std::vector<int>& columns() const { return columns_; }

 private:
  std::string Place(const std::string& value) {
    params_.Add(value);
    return "$" + std::to_string(params_.size());
  }

  void Add(const logic::Dimension& dimension) {
    const int number = static_cast<int>(columns_.size());
    const DimensionSql sql =
        WriteDimension(dimension, number, zone_, [this](const std::string& text) { return Place(text) + "::text"; });
    joins_ += sql.join;
    for (const std::string& expression : sql.expressions) {
      const std::string separator = keys_.empty() ? "" : ", ";
      const std::string alias = "k" + std::to_string(++key_count_);
      selected_ += separator + expression + " AS " + alias;
      keys_ += separator + std::to_string(key_count_);
      aliases_ += ", " + alias;
      nulls_ += ", NULL";
    }
    columns_.push_back(1 + key_count_);
  }

  db::Params params_;
  std::string currency_, zone_;
  std::string where_;
  std::string joins_;
  std::string selected_, keys_, aliases_, nulls_;
  int key_count_ = 0;
  std::vector<int> columns_ = {1};
};

absl::StatusOr<Measures> ReadMeasures(const db::Row& row, int first, const std::string& currency) {
  Measures measures;
  for (size_t i = 0; i < kMeasures.size(); ++i) {
    const int column = first + static_cast<int>(i);
    if (kMeasures[i].count != nullptr) {
      measures.*kMeasures[i].count = row.IsNull(column) ? 0 : row.Int(column);
      continue;
    }
    EMBUDO_ASSIGN_OR_RETURN(measures.*kMeasures[i].amount,
                            MoneyFromNumeric(row.IsNull(column) ? "0" : row.Text(column), currency));
  }
  return measures;
}

absl::Status TooManyRows() {
  const std::string limit = std::to_string(logic::kMaxRows);
  return Error(absl::StatusCode::kInvalidArgument, "TOO_MANY_ROWS",
               "the report has more than " + limit + " rows; group by less, or narrow the filter")
      .Meta("limit", limit)
      .Field("group_by", "gives more than " + limit + " rows");
}

}  // namespace

absl::StatusOr<Report> RunReport(db::Connection& connection, const Query& query) {
  const Statement statement(query);
  EMBUDO_ASSIGN_OR_RETURN(const db::Result result, connection.ExecVarying(statement.Text(), statement.params()));
  if (result.size() > logic::kMaxRows + 1) return TooManyRows();
  const std::vector<int>& columns = statement.columns();
  Report report;
  for (int i = 0; i < result.size(); ++i) {
    EMBUDO_ASSIGN_OR_RETURN(Measures measures, ReadMeasures(result[i], columns.back(), query.settings.currency_code));
    if (result[i].Bool(0)) {
      report.total = std::move(measures);
      continue;
    }
    logic::Row& row = report.rows.emplace_back();
    row.measures = std::move(measures);
    for (size_t d = 0; d < query.dimensions.size(); ++d) {
      row.values.push_back(ReadValue(query.dimensions[d], result[i], columns[d]));
    }
  }
  return report;
}

}  // namespace embudo::reporting::storage
