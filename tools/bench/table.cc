#include "tools/bench/table.h"

#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace embudo::bench {
namespace {

using cli::Json;

/// What is known of an operation beside what is measured.
struct Operation {
  /// How its figures' names begin.
  std::string_view what;
  std::string_view name;
  std::string_view goal;
  /// Odoo 17 Community with PostgreSQL 15, 2 workers, 50,000 leads, on 2 cores.
  std::string_view odoo;
};

constexpr Operation kOperations[] = {{"CreateLead", "create_lead", "0.7 of the limit; 8,000/s", "80–83/s; 23 ms CPU"},
                                     {"BatchCreateLeads", "batch_create_leads", "30,000/s", "142/s"},
                                     {"GetLead", "get_lead", "", ""},
                                     {"MoveLead", "move_lead", "9,000/s", "94/s; 20 ms CPU"},
                                     {"ListLeads of 80 from the middle", "list_leads_middle", "2 ms", ""},
                                     {"ListLeads", "list_leads", "2 ms", "42 ms"},
                                     {"GetKanban", "kanban", "3 ms", "170 ms"},
                                     {"FindDuplicates", "find_duplicates", "0.15 ms of PostgreSQL", "16 ms"},
                                     {"MergeLeads of 5", "merge", "0.8 ms CPU", "78 ms; 80 ms CPU"},
                                     {"CaptureLead", "capture_lead", "0.45 of the limit", ""},
                                     {"commit to subscriber", "event_delivery", "p50 3 ms, p99 15 ms", ""},
                                     {"import of a CSV file", "import", "0.35 of COPY; 20,000/s", "117–221 rows/s"},
                                     {"naive Bayes: one probability", "score_one", "5 µs", "12 ms"},
                                     {"naive Bayes", "score_all", "2 s for 1,000,000", "4.7–5.0 s for 100,000"},
                                     {"change to score and probability", "score_visible", "p99 100 ms", ""},
                                     {"matching with 200 rules of", "automation", "0.3 of the limit", ""},
                                     {"move → effect of its rule", "rule_effect", "p99 20 ms", "82 ms CPU"},
                                     {"4000 moves with a rule", "rule_rate", "1,500/s", "13/s"},
                                     {"assign ", "assign", "1 s", "136–157 s"},
                                     {"pipeline by stage, team, month, source", "report_four_ways", "3 ms", "637 ms"},
                                     {"pipeline by stage, team", "report", "10 reads by key; 100× the GROUP BY", ""},
                                     {"mail", "mail", "0.5 ms CPU", "71 ms, a reply 41 ms"}};

const Operation* OperationOf(std::string_view what) {
  for (const Operation& operation : kOperations) {
    if (what.starts_with(operation.what)) return &operation;
  }
  return nullptr;
}

/// A name for programs: `get_kanban_80_cards`.
std::string SlugOf(std::string_view what) {
  std::string slug;
  for (const char c : what) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (plain || lower != c) {
      slug += lower;
    } else if (!slug.empty() && slug.back() != '_') {
      slug += '_';
    }
  }
  while (!slug.empty() && slug.back() == '_') slug.pop_back();
  return slug;
}

double Rounded(double value) {
  const double digits = std::abs(value) < 10 ? 1000 : 100;
  return std::round(value * digits) / digits;
}

/// `p99_ms` of `GetLead, p99`, and `GetLead`.
std::pair<std::string, std::string> PartOf(const std::string& what) {
  static constexpr std::pair<std::string_view, std::string_view> kParts[] = {{", p50", "p50_ms"},
                                                                             {", p99", "p99_ms"},
                                                                             {", CPU of the service", "service_us"},
                                                                             {", CPU of PostgreSQL", "postgres_us"}};
  for (const auto& [suffix, column] : kParts) {
    if (what.ends_with(suffix)) return {std::string(column), what.substr(0, what.size() - suffix.size())};
  }
  return {"", what};
}

Json NewRow(const std::string& what) {
  const Operation* operation = OperationOf(what);
  Json row;
  row["name"] = operation != nullptr ? std::string(operation->name) : SlugOf(what);
  row["what"] = what;
  for (const char* column : {"ours", "unit", "limit", "ratio", "p50_ms", "p99_ms", "service_us", "postgres_us"}) {
    row[column] = Json();
  }
  row["goal"] = operation != nullptr ? std::string(operation->goal) : "";
  row["odoo"] = operation != nullptr ? std::string(operation->odoo) : "";
  row["limit_is"] = "";
  return row;
}

void SetLimit(const Figure& figure, Json& row) {
  if (figure.limit == 0) return;
  row["limit"] = Rounded(figure.limit);
  row["ratio"] = Rounded(figure.reached / figure.limit);
  row["limit_is"] = figure.limit_is;
}

}  // namespace

std::vector<Json> RowsOf(const std::vector<Figure>& figures) {
  std::vector<Json> rows;
  std::map<std::string, size_t> places;
  for (const Figure& figure : figures) {
    const auto [part, what] = PartOf(figure.what);
    // The same operation against another limit is a row of its own.
    const auto known = places.find(what);
    const bool again = known != places.end() && part.empty() && !rows[known->second]["ours"].is_null();
    if (known == places.end() || again) {
      places[what] = rows.size();
      rows.push_back(NewRow(what));
    }
    Json& row = rows[places[what]];
    if (part.empty()) {
      row["ours"] = Rounded(figure.reached);
      row["unit"] = figure.unit;
      SetLimit(figure, row);
      continue;
    }
    row[part] = Rounded(figure.reached);
    // What is a time and nothing else is told by its median.
    if (part != "p50_ms" || !row["ours"].is_null()) continue;
    row["ours"] = row[part];
    row["unit"] = figure.unit;
    SetLimit(figure, row);
  }
  return rows;
}

std::vector<cli::Column> Columns() {
  return {{"what", "what"},         {"ours", "ours"},     {"unit", "unit"},     {"limit", "limit"},
          {"ratio", "ratio"},       {"p50 ms", "p50_ms"}, {"p99 ms", "p99_ms"}, {"service µs", "service_us"},
          {"PG µs", "postgres_us"}, {"goal", "goal"},     {"Odoo 17", "odoo"},  {"the limit is", "limit_is"}};
}

}  // namespace embudo::bench
