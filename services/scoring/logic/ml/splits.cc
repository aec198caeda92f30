#include "services/scoring/logic/ml/splits.h"

#include <algorithm>
#include <numeric>
#include <random>

namespace embudo::scoring::ml {

Rows AllRows(size_t rows) {
  Rows all(rows);
  std::iota(all.begin(), all.end(), 0U);
  return all;
}

std::vector<Split> StratifiedFolds(const Rows& rows, const Labels& labels, int folds, uint64_t seed) {
  Rows classes[2];
  for (const uint32_t row : rows) classes[labels[row] != 0].push_back(row);
  const size_t rarest = std::min(classes[0].size(), classes[1].size());
  // Of one class alone, there is nothing to balance.
  const size_t most = rarest == 0 ? rows.size() : rarest;
  const auto count = static_cast<uint32_t>(std::clamp<size_t>(most, 2, static_cast<size_t>(std::max(folds, 2))));
  std::mt19937_64 random(seed);
  std::vector<uint32_t> part(rows.empty() ? 0 : *std::max_element(rows.begin(), rows.end()) + 1);
  uint32_t next = 0;
  for (Rows& of_class : classes) {
    std::shuffle(of_class.begin(), of_class.end(), random);
    for (const uint32_t row : of_class) part[row] = next++ % count;
  }
  std::vector<Split> splits(count);
  for (const uint32_t row : rows) {
    for (uint32_t i = 0; i < count; ++i) (part[row] == i ? splits[i].held_out : splits[i].train).push_back(row);
  }
  return splits;
}

Split NewestPart(const Rows& rows, double share, const std::vector<uint32_t>& groups) {
  size_t cut = rows.size() - static_cast<size_t>(share * static_cast<double>(rows.size()) + 0.5);
  while (!groups.empty() && cut > 0 && cut < rows.size() && groups[rows[cut]] == groups[rows[cut - 1]]) ++cut;
  const auto at = rows.begin() + static_cast<Rows::difference_type>(cut);
  return {Rows(rows.begin(), at), Rows(at, rows.end())};
}

}  // namespace embudo::scoring::ml
