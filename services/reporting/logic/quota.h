#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "embudo/type/v1/exchange_rate.pb.h"
#include "embudo/type/v1/target.pb.h"
#include "google/type/money.pb.h"

namespace embudo::reporting::logic {

/// An amount in the tenant's currency: at the rate of that day, the last one that began by then. nullopt without a
/// rate.
std::optional<google::type::Money> InCurrency(const google::type::Money& amount, const std::string& currency, Day day,
                                              const std::vector<type::v1::ExchangeRate>& rates);

/// What is to be won. Targets are of a month or a quarter; a quarter's is a third in each of its months that has none
/// of its own.
class Quotas {
 public:
  /// Targets in a currency without a rate do not count.
  Quotas(std::vector<type::v1::Target> targets, const std::vector<type::v1::ExchangeRate>& rates,
         const std::string& currency);

  /// Whose targets: a team's or a user's resource name; empty: of all teams, or of all users where no team has one.
  /// Over the months that begin in the days. nullopt: there is no target.
  std::optional<google::type::Money> Of(const std::string& whose, Day from, Day to) const;

 private:
  struct Entry {
    std::string whose;
    bool team = false;
    bool quarter = false;
    Day start;
    google::type::Money amount;
  };
  std::vector<Entry> entries_;
  const std::string currency_;
};

}  // namespace embudo::reporting::logic
