#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "services/scoring/logic/frequency.h"

namespace embudo::scoring::logic {

/// What the model sees of a lead.
struct Features {
  std::string team;
  /// The lead's stage; empty: it has none.
  std::string stage;
  bool stage_is_won = false;
  /// The first stage of its pipeline.
  std::string first_stage;
  /// Its values of the other variables.
  std::vector<Couple> couples;
};

/// One value's part in a probability: of won_total won leads, won have it, and so for the lost ones. All are smoothed.
struct Factor {
  Couple couple;
  double won = 0;
  double won_total = 0;
  double lost = 0;
  double lost_total = 0;
};

/// What a probability is computed from.
struct Evidence {
  /// The team whose rows were read; empty: those of all teams and of none together.
  std::string team;
  /// The counts of the first stage: how many leads were won, and lost.
  double won = 0;
  double lost = 0;
  /// The stage's first.
  std::vector<Factor> factors;
};

/// The naive Bayes model over one state of a tenant's frequencies. Immutable.
class NaiveBayes {
 public:
  explicit NaiveBayes(const FrequencyTable& table);

  /// What the frequencies know of a lead in an open stage; nullopt if that is too little: no won or no lost lead.
  std::optional<Evidence> Weigh(const Features& features) const;
  /// The lead's probability in percent, two decimals: 0 without a stage, 100 in a won one, else 0.01–99.99; nullopt if
  /// it can't be computed.
  std::optional<double> Probability(const Features& features) const;

 private:
  /// The values of one variable.
  struct Variable {
    Counts total{0, 0};
    std::unordered_map<std::string, Counts> values;
  };
  using View = std::unordered_map<std::string, Variable>;

  static void Sum(const RowKey& key, const Counts& counts, View& view);

  std::map<std::string, View> teams_;
  View all_;
};

/// The chance of winning that the evidence makes, 0–1, neither bounded nor rounded. Computed in logarithms, so that
/// many small factors do not vanish. `without` leaves one factor out.
double ChanceOf(const Evidence& evidence, const Factor* without = nullptr);
/// As a percentage with two decimals, from 0.01 to 99.99.
double PercentOf(double chance);

}  // namespace embudo::scoring::logic
