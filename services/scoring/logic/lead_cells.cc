#include "services/scoring/logic/lead_cells.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/base/money.h"
#include "services/scoring/logic/features.h"

namespace embudo::scoring::logic {
namespace {

using type::v1::Lead;

/// Set when a lead comes in, and rarely after.
const std::vector<std::string>& FromTheBeginning() {
  static const auto* const variables = new std::vector<std::string>{
      "source",    "medium",       "campaign",  "channel",       "country",       "industry", "language",
      "headcount", "contact_role", "job_title", "email_quality", "phone_quality", "team",     "creator"};
  return *variables;
}
/// Set while it is worked.
const std::vector<std::string>& WhileOpen() {
  static const auto* const variables = new std::vector<std::string>{"owner", "kind", "lead_status"};
  return *variables;
}

constexpr size_t kLongestValue = 100;
constexpr std::string_view kYes = "yes";

void Put(LeadCells& cells, const std::string& variable, const std::string& value) {
  if (!value.empty() && value.size() <= kLongestValue) cells[variable] = value;
}

void PutAmount(LeadCells& cells, const std::string& variable, const google::type::Money& converted,
               const google::type::Money& own) {
  const google::type::Money& amount = converted.currency_code().empty() ? own : converted;
  if (!amount.currency_code().empty()) Put(cells, variable, ToNumeric(amount));
}

void PutDays(LeadCells& cells, const std::string& variable, const google::protobuf::Timestamp& since, Time now) {
  const auto hours = std::chrono::floor<std::chrono::hours>(now - FromTimestamp(since)).count();
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, static_cast<double>(std::max<int64_t>(hours, 0)) / 24,
                                 std::chars_format::fixed, 2);
  Put(cells, variable, std::string(text, end.ptr));
}

void PutVariables(LeadCells& cells, const Lead& lead, const std::vector<std::string>& variables) {
  for (const Couple& couple : CouplesOf(lead, variables)) Put(cells, couple.variable, couple.value);
}

}  // namespace

LeadCells CellsOfClosed(const Lead& lead) {
  LeadCells cells;
  PutVariables(cells, lead, FromTheBeginning());
  return cells;
}

LeadCells CellsOf(const Lead& lead, Time now) {
  LeadCells cells = CellsOfClosed(lead);
  PutVariables(cells, lead, WhileOpen());
  Put(cells, std::string(kStage), lead.stage());
  std::vector<std::string> custom;
  for (const auto& [key, value] : lead.custom_fields()) custom.push_back("custom_fields." + key);
  PutVariables(cells, lead, custom);
  for (const std::string& tag : lead.tags()) Put(cells, "tag." + IdOf(tag), std::string(kYes));
  for (const std::string& product : lead.products()) Put(cells, "product." + IdOf(product), std::string(kYes));
  PutAmount(cells, "budget", lead.converted_budget(), lead.budget());
  PutAmount(cells, "expected_revenue", lead.converted_expected_revenue(), lead.expected_revenue());
  PutAmount(cells, "recurring_revenue", lead.converted_recurring_revenue(), lead.recurring_revenue());
  if (lead.has_decision_date()) Put(cells, "decision_date_known", std::string(kYes));
  if (!lead.pain().empty()) Put(cells, "pain_known", std::string(kYes));
  if (!lead.current_solution().empty()) Put(cells, "current_solution_known", std::string(kYes));
  if (lead.has_next_activity_date()) Put(cells, "activity_planned", std::string(kYes));
  if (lead.has_create_time()) PutDays(cells, "days_since_creation", lead.create_time(), now);
  if (lead.has_stage_enter_time()) PutDays(cells, "days_in_stage", lead.stage_enter_time(), now);
  return cells;
}

ml::Table TableOf(const std::vector<LeadCells>& leads, size_t least) {
  std::map<std::string, size_t> counts;
  for (const LeadCells& cells : leads) {
    for (const auto& [variable, value] : cells) ++counts[variable];
  }
  ml::Table table;
  for (const auto& [variable, count] : counts) {
    if (count < least) continue;
    table.names.push_back(variable);
    std::vector<std::string>& column = table.cells.emplace_back();
    column.reserve(leads.size());
    for (const LeadCells& cells : leads) {
      const auto found = cells.find(variable);
      column.push_back(found == cells.end() ? std::string() : found->second);
    }
  }
  // A table without columns has rows all the same.
  if (table.names.empty()) {
    table.names.emplace_back();
    table.cells.emplace_back(leads.size());
  }
  return table;
}

std::string VariableText(const std::string& variable) {
  static const auto* const words =
      new std::map<std::string, std::string>{{"owner", "Sales rep"},
                                             {"kind", "Kind of lead"},
                                             {"creator", "Entered by"},
                                             {"headcount", "Company size"},
                                             {"email_quality", "Mail address"},
                                             {"phone_quality", "Phone number"},
                                             {"pain_known", "Pain told"},
                                             {"activity_planned", "Activity planned"},
                                             {"decision_date_known", "Decision date told"},
                                             {"current_solution_known", "Solution in use told"}};
  const auto found = words->find(variable);
  if (found != words->end()) return found->second;
  std::string text = variable.starts_with("custom_fields.") ? variable.substr(14) : variable;
  std::replace(text.begin(), text.end(), '_', ' ');
  std::replace(text.begin(), text.end(), '.', ' ');
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

}  // namespace embudo::scoring::logic
