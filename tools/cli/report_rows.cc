#include "tools/cli/report_rows.h"

#include <google/protobuf/util/time_util.h>

#include <ostream>

#include "common/base/clock.h"

namespace embudo::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

/// The counts, rates and amounts of a message as numbers, in the order of its fields; null where one is unset. The
/// currency of the amounts comes last.
Json Numbers(const Message& message) {
  Json out = Json::object();
  std::string currency;
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    const auto* reflection = message.GetReflection();
    if (field->is_repeated()) continue;
    if (field->message_type() == google::type::Money::descriptor()) {
      const auto& money = static_cast<const google::type::Money&>(reflection->GetMessage(message, field));
      out[field->name()] = reflection->HasField(message, field) ? Json(ToNumber(money)) : Json();
      if (!money.currency_code().empty()) currency = money.currency_code();
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT64) {
      out[field->name()] = reflection->GetInt64(message, field);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
      out[field->name()] = reflection->HasField(message, field) ? Json(reflection->GetDouble(message, field)) : Json();
    }
  }
  out["currency"] = currency;
  return out;
}

void AddFreshness(const reporting::v1::Freshness& freshness, Json& out) {
  if (!freshness.has_as_of()) {
    out["as_of"] = nullptr;
    out["staleness_seconds"] = nullptr;
    return;
  }
  out["as_of"] = google::protobuf::util::TimeUtil::ToString(freshness.as_of());
  out["staleness_seconds"] =
      static_cast<double>(google::protobuf::util::TimeUtil::DurationToMilliseconds(freshness.staleness())) / 1000;
}

template <class Row>
Json RowJson(const Row& row) {
  Json out = Json::object();
  for (const auto& value : row.dimensions()) {
    out[value.dimension()] = value.value();
    out[value.dimension() + "_display_name"] = value.display_name();
  }
  out.update(Numbers(row.measures()));
  return out;
}

/// `expected_close_month` → `EXPECTED CLOSE MONTH`.
std::string TitleOf(std::string name) {
  for (char& c : name) c = c == '_' ? ' ' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return name;
}

/// Without what is of no use to a person who reads a table.
std::vector<Column> TableColumns(const std::vector<std::string>& by, const Json& total) {
  std::vector<Column> columns;
  for (const std::string& dimension : by) columns.push_back({TitleOf(dimension), dimension + "_display_name"});
  for (const auto& [name, value] : total.items()) {
    const bool seldom = name == "other_currency_count" || name == "monthly_recurring_revenue" ||
                        name == "recurring_revenue" || name == "won_cycle_days" || name == "won_cycle_count";
    if (!seldom || (value.is_number() && value != 0 && !name.starts_with("won_cycle"))) {
      columns.push_back({TitleOf(name), name});
    }
  }
  return columns;
}

std::vector<Column> CsvColumns(const std::vector<std::string>& by, const Json& total) {
  std::vector<Column> columns;
  for (const std::string& dimension : by) {
    columns.push_back({dimension, dimension});
    columns.push_back({dimension + "_display_name", dimension + "_display_name"});
  }
  for (const auto& item : total.items()) columns.push_back({item.key(), item.key()});
  return columns;
}

}  // namespace

template <class Response>
void PrintReport(const Response& response, const std::vector<std::string>& by, Output& output) {
  std::vector<Json> rows;
  for (const auto& row : response.rows()) rows.push_back(RowJson(row));
  Json total = Numbers(response.total());
  Json report = {{"rows", rows}, {"total", total}};
  AddFreshness(response.freshness(), report);
  switch (output.format()) {
    case Format::kJson:
      output.Object(report);
      return;
    case Format::kCsv:
      if (by.empty()) rows.push_back(total);
      output.Rows(rows, CsvColumns(by, total));
      return;
    case Format::kTable:
    case Format::kCloudEvents:
      break;
  }
  const std::vector<Column> columns = TableColumns(by, total);
  for (Json& row : rows) {
    for (const std::string& dimension : by) {
      Json& name = row[dimension + "_display_name"];
      if (name == "") name = "(none)";
    }
  }
  if (!by.empty()) total[by[0] + "_display_name"] = "Total";
  rows.push_back(total);
  output.Rows(rows, columns);
  if (response.freshness().has_as_of()) {
    output.stream() << "\nas of " << CellText(report["as_of"]) << ", " << CellText(report["staleness_seconds"])
                    << " s old\n";
  }
}

template void PrintReport(const reporting::v1::AnalyzePipelineResponse&, const std::vector<std::string>&, Output&);
template void PrintReport(const reporting::v1::AnalyzeLeadsResponse&, const std::vector<std::string>&, Output&);
template void PrintReport(const reporting::v1::AnalyzeActivitiesResponse&, const std::vector<std::string>&, Output&);
template void PrintReport(const reporting::v1::AnalyzeWinLossResponse&, const std::vector<std::string>&, Output&);
template void PrintReport(const reporting::v1::AnalyzeFunnelResponse&, const std::vector<std::string>&, Output&);
template void PrintReport(const reporting::v1::GetForecastResponse&, const std::vector<std::string>&, Output&);

void PrintKeyFigures(const reporting::v1::GetKeyFiguresResponse& response, Output& output) {
  Json figures = Numbers(response);
  if (output.format() != Format::kTable) {
    Json health = Json::object();
    for (const auto& item : response.health()) {
      health[item.figure()] = {{"healthy_min", item.healthy_min()},
                               {"healthy_max", item.healthy_max()},
                               {"standing", reporting::v1::FigureHealth::Standing_Name(item.standing()).substr(9)}};
    }
    if (output.format() == Format::kJson) {
      figures["health"] = health;
      figures["figures"] = Json::array();
      for (const auto& figure : response.figures()) figures["figures"].push_back(ToJson(figure));
    }
    AddFreshness(response.freshness(), figures);
    output.Object(figures);
    return;
  }
  for (const auto& item : response.health()) {
    const std::string standing = reporting::v1::FigureHealth::Standing_Name(item.standing()).substr(9);
    figures[item.figure()] = CellText(figures[item.figure()]) + "  (" + standing + ": healthy is " +
                             CellText(item.healthy_min()) + " to " + CellText(item.healthy_max()) + ")";
  }
  for (const auto& figure : response.figures()) {
    if (!figure.has_value() || figures.contains(figure.name())) continue;
    figures[figure.name()] = CellText(Json(figure.value())) + " " + figure.unit();
  }
  for (const auto& figure : response.figures()) {
    if (!figure.has_previous_value()) continue;
    figures[figure.name() + "_before"] = CellText(Json(figure.previous_value()));
  }
  AddFreshness(response.freshness(), figures);
  output.Object(figures);
}

void PrintSlippage(const reporting::v1::CompareForecastsResponse& response, Output& output) {
  if (output.format() == Format::kJson) {
    output.Object(ToJson(response));
    return;
  }
  std::vector<Json> rows;
  for (const char* name : {"base", "won", "lost", "slipped", "pulled_in", "removed", "remaining", "added"}) {
    const auto* field = response.GetDescriptor()->FindFieldByName(name);
    const auto& amount =
        static_cast<const reporting::v1::SlippageAmount&>(response.GetReflection()->GetMessage(response, field));
    rows.push_back({{"outcome", name}, {"count", amount.count()}, {"revenue", ToNumber(amount.revenue())}});
  }
  output.Rows(rows, {{"OUTCOME", "outcome"}, {"COUNT", "count"}, {"REVENUE", "revenue"}});
  if (output.format() == Format::kCsv || response.deals().empty()) return;
  std::vector<Json> deals;
  const auto day = [](const google::type::Date& date) {
    return date.year() == 0 ? std::string("no date") : FormatDate(date);
  };
  for (const auto& deal : response.deals()) {
    deals.push_back({{"deal", deal.display_name()},
                     {"revenue", ToNumber(deal.revenue())},
                     {"was", day(deal.base_close_date())},
                     {"now", day(deal.close_date())}});
  }
  output.stream() << "\n";
  output.Rows(deals, {{"SLIPPED", "deal"}, {"REVENUE", "revenue"}, {"WAS", "was"}, {"NOW", "now"}});
}

}  // namespace embudo::cli
