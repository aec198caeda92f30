#include <array>
#include <charconv>

#include "common/base/error.h"
#include "common/base/money.h"
#include "services/reporting/storage/report.h"

namespace embudo::reporting::storage {
namespace {

using logic::Measures;

/// One of the measures: what it sums up to, and where it goes.
struct Sum {
  const char* sql;
  int64_t Measures::*count;
  google::type::Money Measures::*amount;
};

constexpr std::array<Sum, 18> kSums = {{
    {"sum(t.c1)", &Measures::count, nullptr},
    {"sum(t.c1) FILTER (WHERE t.state = 'OPEN')", &Measures::open_count, nullptr},
    {"sum(t.c1) FILTER (WHERE t.state = 'WON')", &Measures::won_count, nullptr},
    {"sum(t.c1) FILTER (WHERE t.state = 'LOST')", &Measures::lost_count, nullptr},
    {"sum(t.a1)", nullptr, &Measures::expected_revenue},
    {"sum(t.a1) FILTER (WHERE t.state = 'OPEN')", nullptr, &Measures::open_revenue},
    {"sum(t.a1) FILTER (WHERE t.state = 'WON')", nullptr, &Measures::won_revenue},
    {"sum(t.a1) FILTER (WHERE t.state = 'LOST')", nullptr, &Measures::lost_revenue},
    {"sum(t.a2)", nullptr, &Measures::weighted_revenue},
    {"sum(t.a2) FILTER (WHERE t.state = 'OPEN')", nullptr, &Measures::weighted_open_revenue},
    {"sum(t.a3)", nullptr, &Measures::recurring_revenue},
    {"sum(t.a4)", nullptr, &Measures::monthly_recurring_revenue},
    {"sum(t.c2)", &Measures::won_cycle_days, nullptr},
    {"sum(t.c3)", &Measures::won_cycle_count, nullptr},
    {"sum(t.c4)", &Measures::other_currency_count, nullptr},
    {"sum(t.c5)", &Measures::converted_count, nullptr},
    {"sum(t.c1) FILTER (WHERE t.kind = 'LEAD')", &Measures::unqualified_count, nullptr},
    {"sum(t.c1) FILTER (WHERE t.kind = 'OPPORTUNITY')", &Measures::opportunity_count, nullptr},
}};

const std::vector<Aggregate>& Aggregates() {
  static const auto* const aggregates = [] {
    auto* list = new std::vector<Aggregate>;
    for (const Sum& sum : kSums) list->push_back({sum.sql, sum.amount != nullptr});
    return list;
  }();
  return *aggregates;
}

absl::StatusOr<Measures> ToMeasures(const std::vector<std::string>& cells, const std::string& currency) {
  Measures measures;
  for (size_t i = 0; i < kSums.size(); ++i) {
    if (kSums[i].count != nullptr) {
      std::from_chars(cells[i].data(), cells[i].data() + cells[i].size(), measures.*kSums[i].count);
      continue;
    }
    EMBUDO_ASSIGN_OR_RETURN(measures.*kSums[i].amount, MoneyFromNumeric(cells[i].empty() ? "0" : cells[i], currency));
  }
  return measures;
}

}  // namespace

absl::StatusOr<Report> RunReport(db::Connection& connection, const Query& query, Origin* origin) {
  EMBUDO_ASSIGN_OR_RETURN(Cells cells, RunQuery(connection, query, Aggregates(), origin));
  Report report;
  EMBUDO_ASSIGN_OR_RETURN(report.total, ToMeasures(cells.total, query.settings.currency_code));
  for (Cells::Row& row : cells.rows) {
    logic::Row& out = report.rows.emplace_back();
    out.values = std::move(row.values);
    EMBUDO_ASSIGN_OR_RETURN(out.measures, ToMeasures(row.cells, query.settings.currency_code));
  }
  return report;
}

}  // namespace embudo::reporting::storage
