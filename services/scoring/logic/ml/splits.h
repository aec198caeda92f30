#pragma once

#include <vector>

#include "services/scoring/logic/ml/dataset.h"

namespace embudo::scoring::ml {

/// What is learned from, and what is held out.
struct Split {
  Rows train;
  Rows held_out;
};

/// Cuts rows into that many parts with the same share of the class in each; every part is held out once. Fewer parts
/// if a class has fewer rows than that, at least two.
std::vector<Split> StratifiedFolds(const Rows& rows, const Labels& labels, int folds, uint64_t seed = kSeed);
/// Holds out the last share of rows that are in order of time. Rows of the same group (by row; empty: none) that stand
/// beside each other are not parted: those at the cut are learned from.
Split NewestPart(const Rows& rows, double share, const std::vector<uint32_t>& groups = {});
/// 0, 1, … rows - 1.
Rows AllRows(size_t rows);

}  // namespace embudo::scoring::ml
