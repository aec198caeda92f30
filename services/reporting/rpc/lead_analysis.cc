#include <map>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/money.h"
#include "common/text/dates.h"
#include "services/reporting/logic/quota.h"
#include "services/reporting/rpc/reading.h"
#include "services/reporting/rpc/reports.h"
#include "services/reporting/storage/catalogue.h"

namespace embudo::reporting {
namespace {

using google::type::Money;
using rpc::CallContext;
using v1::AnalyzeLeadsRequest;

/// What the tenant's campaigns cost, in its currency.
struct Costs {
  struct Cost {
    std::string display_name;
    Money amount;
    bool used = false;
  };
  /// By UTM code.
  std::map<std::string, Cost> campaigns;
  /// Those in a currency that has no rate.
  int64_t unconverted = 0;
};

absl::StatusOr<Costs> LoadCosts(Reading& reading) {
  Costs costs;
  const std::string& currency = reading.settings().currency_code;
  EMBUDO_ASSIGN_OR_RETURN(const auto campaigns,
                          storage::LoadRecords<type::v1::Campaign>(reading.connection(), reading.tenant()));
  EMBUDO_ASSIGN_OR_RETURN(const auto rates,
                          storage::LoadRecords<type::v1::ExchangeRate>(reading.connection(), reading.tenant()));
  for (const type::v1::Campaign& campaign : campaigns) {
    if (!campaign.has_cost()) continue;
    const Day day = campaign.has_start_date()
                        ? FromDate(campaign.start_date())
                        : text::DayIn(FromTimestamp(campaign.create_time()), reading.settings().time_zone);
    auto amount = logic::InCurrency(campaign.cost(), currency, day, rates);
    if (!amount) {
      ++costs.unconverted;
      continue;
    }
    costs.campaigns[campaign.code()] = {campaign.display_name(), *std::move(amount)};
  }
  return costs;
}

/// The costs of the rows that are by campaign, and rows of campaigns that brought nothing; the sum goes to the total.
absl::Status AddCosts(Costs costs, bool by_campaign, bool all, const std::string& currency,
                      v1::AnalyzeLeadsResponse& response) {
  Money sum;
  sum.set_currency_code(currency);
  if (by_campaign) {
    for (v1::LeadRow& row : *response.mutable_rows()) {
      const auto found = costs.campaigns.find(row.dimensions(0).value());
      if (found == costs.campaigns.end()) continue;
      found->second.used = true;
      row.mutable_dimensions(0)->set_display_name(found->second.display_name);
      logic::SetCost(found->second.amount, *row.mutable_measures());
    }
  }
  for (const auto& [code, cost] : costs.campaigns) {
    EMBUDO_ASSIGN_OR_RETURN(sum, AddMoney(sum, cost.amount));
    if (!by_campaign || cost.used || !all) continue;
    v1::LeadRow& row = *response.add_rows();
    v1::DimensionValue& value = *row.add_dimensions();
    value.set_dimension("campaign");
    value.set_value(code);
    value.set_display_name(cost.display_name);
    logic::Measures none;
    for (Money* money : {&none.won_revenue, &none.open_revenue}) money->set_currency_code(currency);
    *row.mutable_measures() = logic::ToLeads(none);
    logic::SetCost(cost.amount, *row.mutable_measures());
  }
  v1::LeadMeasures& total = *response.mutable_total();
  if (!costs.campaigns.empty()) logic::SetCost(sum, total);
  total.set_other_currency_count(total.other_currency_count() + costs.unconverted);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::AnalyzeLeadsResponse> MakeReport(const Room& room, const CallContext& call,
                                                    const AnalyzeLeadsRequest& request) {
  const auto subject = request.attribution() == AnalyzeLeadsRequest::ATTRIBUTION_LAST_TOUCH
                           ? logic::Subject::kLeadsByLastTouch
                           : logic::Subject::kLeads;
  EMBUDO_ASSIGN_OR_RETURN(Reading reading, Reading::Begin(room, call, request.min_positions()));
  EMBUDO_ASSIGN_OR_RETURN(storage::Query query, reading.MakeQuery(request.group_by(), request.filter(), subject));
  EMBUDO_RETURN_IF_ERROR(reading.SetPeriod(request.period(), "create", subject, query));
  query.kind.clear();
  EMBUDO_ASSIGN_OR_RETURN(const storage::Report report, reading.Run(query));
  v1::AnalyzeLeadsResponse response;
  for (const logic::Row& row : report.rows) {
    v1::LeadRow& out = *response.add_rows();
    AddDimensions(query.dimensions, row, out.mutable_dimensions());
    *out.mutable_measures() = logic::ToLeads(row.measures);
  }
  *response.mutable_total() = logic::ToLeads(report.total);
  const bool by_campaign = query.dimensions.size() == 1 && query.dimensions[0].name == "campaign";
  // What a campaign cost cannot be told for a part of what it brought.
  const bool all = query.filter.empty() && query.bounds.time.empty() &&
                   reading.visibility().scope == storage::Visibility::Scope::kAll;
  if (all && (by_campaign || query.dimensions.empty())) {
    EMBUDO_ASSIGN_OR_RETURN(Costs costs, LoadCosts(reading));
    EMBUDO_RETURN_IF_ERROR(AddCosts(std::move(costs), by_campaign, all, query.settings.currency_code, response));
  }
  *response.mutable_freshness() = reading.freshness();
  return response;
}

}  // namespace embudo::reporting
