#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace embudo::scoring::logic {

/// A stage as scoring needs it; all names are resource names.
struct Stage {
  std::string name;
  std::string pipeline;
  std::string display_name;
  int sequence = 0;
  bool is_won = false;

  bool operator==(const Stage&) const = default;
};

/// The stages of a tenant, each pipeline's in order: by sequence, ties by name.
class Stages {
 public:
  Stages() = default;
  explicit Stages(std::vector<Stage> stages);

  /// nullptr if there is none.
  const Stage* Find(std::string_view name) const;
  /// The first stage of a pipeline; nullptr if it has none.
  const Stage* First(std::string_view pipeline) const;
  /// The stages that a closed lead counts for: a won one for all of its pipeline, a lost one for those up to its own
  /// sequence. Empty if its stage is not known.
  std::vector<std::string> CountedFor(std::string_view stage, bool won) const;
  const std::map<std::string, std::vector<Stage>, std::less<>>& pipelines() const { return pipelines_; }

 private:
  std::map<std::string, std::vector<Stage>, std::less<>> pipelines_;
};

/// The pipeline that a stage's name says it is in.
std::string PipelineOf(std::string_view stage);

}  // namespace embudo::scoring::logic
