#include "common/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>

namespace embudo::metrics {
namespace {

using testing::HasSubstr;

TEST(MetricsTest, OneNameAndLabelsIsOneMetric) {
  Registry registry;
  registry.Counter("embudo_cats_total", "Cats.", {{"color", "black"}}).Increment();
  registry.Counter("embudo_cats_total", "Cats.", {{"color", "black"}}).Increment();
  registry.Counter("embudo_cats_total", "Cats.", {{"color", "white"}}).Increment();
  EXPECT_THAT(registry.Text(), HasSubstr("embudo_cats_total{color=\"black\"} 2"));
  EXPECT_THAT(registry.Text(), HasSubstr("embudo_cats_total{color=\"white\"} 1"));
}

TEST(MetricsTest, LatencyReachesFromMicrosecondsToSeconds) {
  Registry registry;
  registry.Latency("embudo_nap_seconds", "Naps.").Observe(0.0002);
  EXPECT_THAT(registry.Text(), HasSubstr("embudo_nap_seconds_bucket{le=\"0.0001\"} 0"));
  EXPECT_THAT(registry.Text(), HasSubstr("embudo_nap_seconds_bucket{le=\"0.00025\"} 1"));
  EXPECT_THAT(registry.Text(), HasSubstr("embudo_nap_seconds_bucket{le=\"10\"} 1"));
}

}  // namespace
}  // namespace embudo::metrics
