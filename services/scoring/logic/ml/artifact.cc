#include "services/scoring/logic/ml/artifact.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "common/base/error.h"

namespace embudo::scoring::ml {
namespace {

using Json = nlohmann::json;

constexpr int kVersion = 1;

Json ToJson(const Source& source) {
  return {{"name", source.name},
          {"kind", static_cast<int>(source.kind)},
          {"why", source.why},
          {"comma", source.decimal_comma},
          {"order", static_cast<int>(source.order)}};
}

Source SourceOf(const Json& json) {
  Source source;
  source.name = json.at("name");
  source.kind = static_cast<Source::Kind>(json.at("kind").get<int>());
  source.why = json.at("why");
  source.decimal_comma = json.at("comma");
  source.order = static_cast<text::DateOrder>(json.at("order").get<int>());
  return source;
}

Json ToJson(const Bins& bins) {
  return {{"name", bins.name},           {"number", bins.is_number}, {"edges", bins.edges},   {"mean", bins.mean},
          {"deviation", bins.deviation}, {"values", bins.values},    {"others", bins.others}, {"count", bins.count}};
}

Bins BinsOf(const Json& json) {
  Bins bins;
  bins.name = json.at("name");
  bins.is_number = json.at("number");
  bins.edges = json.at("edges").get<std::vector<double>>();
  bins.mean = json.at("mean");
  bins.deviation = json.at("deviation");
  bins.values = json.at("values").get<std::unordered_map<std::string, int32_t>>();
  bins.others = json.at("others");
  bins.count = json.at("count");
  return bins;
}

Json ToJson(const Bayes& bayes) {
  Json table = Json::array();
  for (const auto& counts : bayes.table()) {
    Json column = Json::array();
    for (const Bayes::Counts& each : counts) column.push_back({each.won, each.lost});
    table.push_back(std::move(column));
  }
  return {{"won", bayes.all().won}, {"lost", bayes.all().lost}, {"table", std::move(table)}};
}

Bayes BayesOf(const Json& json) {
  std::vector<std::vector<Bayes::Counts>> table;
  for (const Json& column : json.at("table")) {
    std::vector<Bayes::Counts>& counts = table.emplace_back();
    for (const Json& each : column) counts.push_back({each.at(0), each.at(1)});
  }
  return Bayes({json.at("won"), json.at("lost")}, std::move(table));
}

Json ToJson(const Logistic& logistic) {
  return {{"intercept", logistic.intercept},
          {"weights", logistic.weights},
          {"slopes", logistic.slopes},
          {"means", logistic.means}};
}

Logistic LogisticOf(const Json& json) {
  Logistic logistic;
  logistic.intercept = json.at("intercept");
  logistic.weights = json.at("weights").get<std::vector<std::vector<double>>>();
  logistic.slopes = json.at("slopes").get<std::vector<double>>();
  logistic.means = json.at("means").get<std::vector<double>>();
  return logistic;
}

Json ToJson(const BoostFeatures& features) {
  Json columns = Json::array();
  for (const auto& told : features.told()) {
    Json seen = Json::object();
    for (const auto& [value, each] : told.seen) seen[value] = {each.rows, each.positives};
    columns.push_back({{"number", told.is_number},
                       {"own", told.own},
                       {"many", told.many},
                       {"seen", std::move(seen)},
                       {"width", told.width}});
  }
  return {{"rate", features.rate()}, {"columns", std::move(columns)}};
}

BoostFeatures BoostFeaturesOf(const Json& json) {
  std::vector<BoostFeatures::Told> columns;
  for (const Json& column : json.at("columns")) {
    BoostFeatures::Told& told = columns.emplace_back();
    told.is_number = column.at("number");
    told.own = column.at("own").get<std::unordered_map<std::string, int32_t>>();
    told.many = column.at("many");
    for (const auto& [value, each] : column.at("seen").items()) told.seen[value] = {each.at(0), each.at(1)};
    told.width = column.at("width");
  }
  return BoostFeatures(std::move(columns), json.at("rate"));
}

Json ToJson(const Card& card) {
  return {{"kind", static_cast<int>(card.calibration.kind)},
          {"slope", card.calibration.slope},
          {"intercept", card.calibration.intercept},
          {"x", card.calibration.x},
          {"y", card.calibration.y},
          {"figures", {card.held_out.auc, card.held_out.log_loss, card.held_out.brier, card.held_out.ece}}};
}

Card CardOf(const Json& json) {
  Card card;
  card.calibration.kind = static_cast<Calibration::Kind>(json.at("kind").get<int>());
  card.calibration.slope = json.at("slope");
  card.calibration.intercept = json.at("intercept");
  card.calibration.x = json.at("x").get<std::vector<double>>();
  card.calibration.y = json.at("y").get<std::vector<double>>();
  const Json& figures = json.at("figures");
  card.held_out = {figures.at(0), figures.at(1), figures.at(2), figures.at(3)};
  return card;
}

absl::StatusOr<Models> ModelsOf(const Json& json) {
  Models models;
  models.prior = json.at("prior");
  for (const Json& bins : json.at("bins")) models.bins.push_back(BinsOf(bins));
  models.bayes = BayesOf(json.at("bayes"));
  models.logistic = LogisticOf(json.at("logistic"));
  for (const Json& member : json.at("members")) {
    std::string bytes;
    if (!absl::Base64Unescape(member.at("trees").get<std::string>(), &bytes)) {
      return absl::DataLossError("the trees of the model are not in base 64");
    }
    EMBUDO_ASSIGN_OR_RETURN(Booster booster, Booster::Load(bytes));
    models.members.push_back({BoostFeaturesOf(member.at("features")), std::move(booster)});
  }
  models.blend = json.at("blend");
  for (size_t kind = 0; kind < kModelKinds; ++kind) models.cards[kind] = CardOf(json.at("cards").at(kind));
  models.champion = static_cast<ModelKind>(json.at("champion").get<size_t>() % kModelKinds);
  models.has_signal = json.at("has_signal");
  models.signal = json.at("signal");
  models.positives = json.at("positives");
  models.negatives = json.at("negatives");
  // What a row is looked up in must have a place for every column.
  const size_t columns = models.bins.size();
  const bool fits =
      models.bayes.table().size() == columns &&
      (!models.learned() || (models.logistic.weights.size() == columns && models.logistic.slopes.size() == columns &&
                             models.logistic.means.size() == columns));
  if (!fits) return absl::DataLossError("the parts of the model do not fit together");
  return models;
}

}  // namespace

absl::StatusOr<std::string> Save(const Artifact& artifact) {
  const Models& models = artifact.models;
  Json json = {{"version", kVersion},           {"prior", models.prior},
               {"bayes", ToJson(models.bayes)}, {"logistic", ToJson(models.logistic)},
               {"blend", models.blend},         {"champion", static_cast<size_t>(models.champion)},
               {"signal", models.signal},       {"has_signal", models.has_signal},
               {"positives", models.positives}, {"negatives", models.negatives},
               {"members", Json::array()},      {"sources", Json::array()},
               {"bins", Json::array()},         {"cards", Json::array()}};
  for (const Source& source : artifact.reading.sources()) json["sources"].push_back(ToJson(source));
  for (const Bins& bins : models.bins) json["bins"].push_back(ToJson(bins));
  for (const Card& card : models.cards) json["cards"].push_back(ToJson(card));
  for (const Models::Member& member : models.members) {
    EMBUDO_ASSIGN_OR_RETURN(const std::string trees, member.booster.Save());
    json["members"].push_back({{"features", ToJson(member.features)}, {"trees", absl::Base64Escape(trees)}});
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<Artifact> Load(const std::string& bytes) {
  try {
    const Json json = Json::parse(bytes);
    if (json.at("version") != kVersion) return absl::DataLossError("the model is of another version");
    std::vector<Source> sources;
    for (const Json& source : json.at("sources")) sources.push_back(SourceOf(source));
    Artifact artifact{Reading(std::move(sources)), {}};
    EMBUDO_ASSIGN_OR_RETURN(artifact.models, ModelsOf(json));
    return artifact;
  } catch (const Json::exception& broken) {
    return absl::DataLossError(std::string("the model can't be read: ") + broken.what());
  }
}

}  // namespace embudo::scoring::ml
