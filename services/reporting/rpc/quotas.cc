#include "services/reporting/rpc/quotas.h"

#include <regex>

#include "common/base/error.h"
#include "services/reporting/storage/catalogue.h"

namespace embudo::reporting {
namespace {

/// Whose leads a filter leaves, where it is no more than that.
std::optional<std::string> WholeOf(const filter::Filter& filter, const storage::Visibility& visibility) {
  if (!filter.empty()) {
    static const auto* const pattern = new std::regex(R"re(\s*(?:team|owner)\s*=\s*"?([a-z]+/[^"\s]+)"?\s*)re");
    std::smatch match;
    if (std::regex_match(filter.text(), match, *pattern)) return match[1].str();
    return std::nullopt;
  }
  switch (visibility.scope) {
    case storage::Visibility::Scope::kAll:
      return "";
    case storage::Visibility::Scope::kOwn:
      return "users/" + visibility.user;
    case storage::Visibility::Scope::kTeam:
      break;
  }
  return visibility.teams.size() == 1 ? std::optional("teams/" + visibility.teams[0]) : std::nullopt;
}

}  // namespace

absl::StatusOr<QuotaSource> QuotaSource::Load(Reading& reading, const filter::Filter& filter) {
  EMBUDO_ASSIGN_OR_RETURN(auto targets, storage::LoadRecords<type::v1::Target>(reading.connection(), reading.tenant()));
  EMBUDO_ASSIGN_OR_RETURN(const auto rates,
                          storage::LoadRecords<type::v1::ExchangeRate>(reading.connection(), reading.tenant()));
  return QuotaSource(logic::Quotas(std::move(targets), rates, reading.settings().currency_code),
                     WholeOf(filter, reading.visibility()));
}

std::optional<google::type::Money> QuotaSource::Of(const std::string& whose, Day from, Day to) const {
  if (!whose.empty()) return quotas_.Of(whose, from, to);
  return whole_ ? quotas_.Of(*whole_, from, to) : std::nullopt;
}

}  // namespace embudo::reporting
