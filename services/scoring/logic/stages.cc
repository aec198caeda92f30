#include "services/scoring/logic/stages.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace embudo::scoring::logic {

Stages::Stages(std::vector<Stage> stages) {
  for (Stage& stage : stages) {
    std::vector<Stage>& pipeline = pipelines_[stage.pipeline];
    pipeline.push_back(std::move(stage));
  }
  for (auto& [name, pipeline] : pipelines_) {
    std::sort(pipeline.begin(), pipeline.end(), [](const Stage& a, const Stage& b) {
      return std::tie(a.sequence, a.name) < std::tie(b.sequence, b.name);
    });
  }
}

const Stage* Stages::Find(std::string_view name) const {
  const auto pipeline = pipelines_.find(PipelineOf(name));
  if (pipeline == pipelines_.end()) return nullptr;
  for (const Stage& stage : pipeline->second) {
    if (stage.name == name) return &stage;
  }
  return nullptr;
}

const Stage* Stages::First(std::string_view pipeline) const {
  const auto found = pipelines_.find(pipeline);
  return found == pipelines_.end() ? nullptr : &found->second.front();
}

std::vector<std::string> Stages::CountedFor(std::string_view stage, bool won) const {
  const Stage* own = Find(stage);
  if (own == nullptr) return {};
  std::vector<std::string> counted;
  for (const Stage& each : pipelines_.find(own->pipeline)->second) {
    if (won || each.sequence <= own->sequence) counted.push_back(each.name);
  }
  return counted;
}

std::string PipelineOf(std::string_view stage) { return std::string(stage.substr(0, stage.find("/stages/"))); }

}  // namespace embudo::scoring::logic
