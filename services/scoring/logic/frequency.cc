#include "services/scoring/logic/frequency.h"

#include <algorithm>
#include <cmath>

namespace embudo::scoring::logic {
namespace {

void Shift(double& count, int by) {
  const double shifted = std::round((count + by) * 10) / 10;
  count = shifted > 0 ? shifted : kSmoothing;
}

/// The sum of two counts of which each has its own smoothing.
double United(double into, double from) {
  const double sum = std::floor(into + 0.5) + std::floor(from + 0.5);
  return std::max(sum, kSmoothing);
}

}  // namespace

void FrequencyTable::Add(const Contribution& contribution) {
  for (const Couple& couple : contribution.couples) {
    RowKey key{contribution.team, couple};
    Counts& counts = rows_[key];
    Shift(contribution.won ? counts.won : counts.lost, 1);
    changed_.insert(std::move(key));
  }
}

void FrequencyTable::Subtract(const Contribution& contribution) {
  for (const Couple& couple : contribution.couples) {
    RowKey key{contribution.team, couple};
    const auto row = rows_.find(key);
    if (row == rows_.end()) continue;
    Shift(contribution.won ? row->second.won : row->second.lost, -1);
    changed_.insert(std::move(key));
  }
}

void FrequencyTable::DissolveTeam(const std::string& team) {
  for (auto row = rows_.lower_bound({team, {}}); row != rows_.end() && row->first.team == team;) {
    const Counts& from = row->second;
    if (from.won > kSmoothing || from.lost > kSmoothing) {
      RowKey key{"", row->first.couple};
      const auto [into, is_new] = rows_.try_emplace(key, from);
      if (!is_new) into->second = {United(into->second.won, from.won), United(into->second.lost, from.lost)};
      changed_.insert(std::move(key));
    }
    changed_.insert(row->first);
    row = rows_.erase(row);
  }
}

}  // namespace embudo::scoring::logic
