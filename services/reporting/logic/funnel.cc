#include "services/reporting/logic/funnel.h"

#include <algorithm>

namespace embudo::reporting::logic {

void StayCounts::Add(const StayCounts& other) {
  entered += other.entered;
  here += other.here;
  lost += other.lost;
  won += other.won;
  passed += other.passed;
  stays += other.stays;
  seconds += other.seconds;
}

bool CameFurther(const std::string& stage, const std::string& later, const std::map<std::string, int64_t>& places) {
  const auto place = places.find(stage);
  if (place == places.end()) return false;
  const std::string pipeline = stage.substr(0, stage.find("/stages/"));
  for (size_t begin = 0; begin < later.size();) {
    const size_t end = std::min(later.find(',', begin), later.size());
    const std::string text = later.substr(begin, end - begin);
    begin = end + 1;
    const size_t slash = text.find('/');
    const std::string name = "pipelines/" + text.substr(0, slash) + "/stages/" + text.substr(slash + 1);
    const auto other = places.find(name);
    if (other != places.end() && name.starts_with(pipeline + "/") && other->second > place->second) return true;
  }
  return false;
}

v1::FunnelMeasures ToFunnel(const StayCounts& counts) {
  v1::FunnelMeasures answer;
  answer.set_entered_count(counts.entered);
  answer.set_passed_count(counts.passed);
  answer.set_here_count(counts.here);
  answer.set_lost_count(counts.lost);
  answer.set_won_count(counts.won);
  if (const auto rate = Percent(counts.passed, counts.entered)) answer.set_conversion_rate(*rate);
  if (const auto rate = Percent(counts.won, counts.entered)) answer.set_win_rate(*rate);
  answer.set_stay_seconds(counts.seconds);
  answer.set_stay_count(counts.stays);
  constexpr int64_t kSecondsPerDay = 86400;
  if (const auto days = Average(counts.seconds, counts.stays * kSecondsPerDay)) answer.set_average_days(*days);
  return answer;
}

}  // namespace embudo::reporting::logic
