#include "services/pipeline/logic/catalog.h"

#include <iterator>

namespace embudo::pipeline::logic {

std::string Catalog::PipelineOf(std::string_view stage) { return std::string(stage.substr(0, stage.find("/stages/"))); }

const std::vector<type::v1::Stage>& Catalog::StagesOf(std::string_view pipeline) const {
  static const std::vector<type::v1::Stage> none;
  const auto found = stages_of_pipeline.find(pipeline);
  return found == stages_of_pipeline.end() ? none : found->second;
}

const type::v1::Stage* Catalog::FindStage(std::string_view name) const {
  for (const type::v1::Stage& stage : StagesOf(PipelineOf(name))) {
    if (stage.name() == name) return &stage;
  }
  return nullptr;
}

const type::v1::Stage* Catalog::FirstStage(std::string_view pipeline) const {
  const auto& stages = StagesOf(pipeline);
  return stages.empty() ? nullptr : &stages.front();
}

const type::v1::Stage* Catalog::WonStage(std::string_view pipeline) const {
  for (const type::v1::Stage& stage : StagesOf(pipeline)) {
    if (stage.is_won()) return &stage;
  }
  return nullptr;
}

const type::v1::ActivityType* Catalog::FindActivityType(std::string_view name) const {
  for (const type::v1::ActivityType& type : activity_types) {
    if (type.name() == name) return &type;
  }
  return nullptr;
}

const type::v1::ActivityType* Catalog::FirstActivityType(type::v1::Activity::Type type) const {
  for (const type::v1::ActivityType& one : activity_types) {
    if (one.type() == type) return &one;
  }
  return nullptr;
}

const std::string* Catalog::RateOn(std::string_view currency_code, Day day) const {
  const auto rates = exchange_rates.find(currency_code);
  if (rates == exchange_rates.end()) return nullptr;
  const auto after = rates->second.upper_bound(day);
  return after == rates->second.begin() ? nullptr : &std::prev(after)->second;
}

}  // namespace embudo::pipeline::logic
