#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "services/scoring/logic/ml/dataset.h"

namespace embudo::scoring::ml {

/// Rows of numbers, one after the other; NaN: missing.
struct Dense {
  size_t width = 0;
  std::vector<float> values;
};

/// How variables become numbers for trees. Numbers stay as they are. Categories become a column for each frequent
/// value; those of many values also how often a value is seen and how often it was of the class, pulled to the mean.
class BoostFeatures {
 public:
  /// How one variable is told.
  struct Told {
    bool is_number = false;
    /// Values that have a column of their own, in order of their columns.
    std::unordered_map<std::string, int32_t> own;
    /// Whether `seen` is told.
    bool many = false;
    /// Rows with a value, and those of them that are of the class.
    struct Seen {
      double rows = 0;
      double positives = 0;
    };
    std::unordered_map<std::string, Seen> seen;
    int width = 1;
  };

  BoostFeatures() = default;
  BoostFeatures(std::vector<Told> told, double rate) : told_(std::move(told)), rate_(rate) {}

  static BoostFeatures Fit(const Dataset& data, const Labels& labels, const Rows& rows);
  /// Any rows.
  Dense Apply(const Dataset& data, const Rows& rows) const;
  /// The rows that it was fitted on: what is told of a row's class does not come from that row.
  Dense ApplyToOwn(const Dataset& data, const Labels& labels, const Rows& rows) const;

  /// The variable that a column tells of.
  std::vector<size_t> VariableOfColumn() const;
  const std::vector<Told>& told() const { return told_; }
  double rate() const { return rate_; }

 private:
  size_t Width() const;

  std::vector<Told> told_;
  double rate_ = 0;
};

}  // namespace embudo::scoring::ml
