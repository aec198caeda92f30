#pragma once

#include <map>
#include <string>
#include <vector>

#include "embudo/reporting/v1/reporting_service.pb.h"
#include "services/reporting/logic/rows.h"

namespace embudo::reporting::logic {

/// What stays come to, of leads that came to the same stages afterwards.
struct StayCounts {
  int64_t entered = 0;
  int64_t here = 0;
  int64_t lost = 0;
  int64_t won = 0;
  int64_t passed = 0;
  int64_t stays = 0;
  int64_t seconds = 0;

  void Add(const StayCounts& other);
};

/// Whether one of the stages, as stays have them (`pipeline/stage,…`), stands after the stage `pipelines/p/stages/s`.
/// `places`: the stages of all pipelines by resource name.
bool CameFurther(const std::string& stage, const std::string& later, const std::map<std::string, int64_t>& places);

v1::FunnelMeasures ToFunnel(const StayCounts& counts);

}  // namespace embudo::reporting::logic
