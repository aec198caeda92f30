#include "services/pipeline/events/subscription_meter.h"

#include <prometheus/gauge.h>

#include "common/base/error.h"

namespace embudo::pipeline::events {
namespace {

constexpr std::chrono::seconds kInterval{5};
constexpr std::chrono::seconds kQuery{10};

constexpr char kMeasure[] =
    "SELECT s.tenant_id, s.subscription_id, s.paused, coalesce(p.lag, 0), coalesce(l.waiting, 0),"
    " coalesce(l.parked, 0) FROM pipeline.subscription s"
    " LEFT JOIN (SELECT tenant_id, subscription_id, sum(greatest(0, h.position - p.position))"
    // Of later epochs it has read nothing.
    " + coalesce((SELECT sum(position) FROM pipeline.event_head WHERE partition > max(p.partition)), 0) AS lag"
    " FROM pipeline.subscription_place p JOIN pipeline.event_head h USING (partition) GROUP BY 1, 2) p"
    " USING (tenant_id, subscription_id)"
    " LEFT JOIN (SELECT tenant_id, subscription_id, count(park_time) AS parked,"
    " count(*) FILTER (WHERE park_time IS NULL) AS waiting FROM pipeline.subscription_lane GROUP BY 1, 2) l"
    " USING (tenant_id, subscription_id) WHERE s.delete_time IS NULL";

}  // namespace

SubscriptionMeter::SubscriptionMeter(db::Pool& pool, metrics::Registry& metrics)
    : Chore("subscription meter", kInterval, [this] { return RunOnce(); }), pool_(pool), metrics_(metrics) {}

absl::Status SubscriptionMeter::RunOnce() {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool_, "", db::After(kQuery), kMeasure, {}));
  int paused = 0;
  std::set<Key> now;
  for (int i = 0; i < rows.size(); ++i) {
    const Key key(rows[i].Text(0), rows[i].Text(1));
    if (rows[i].Bool(2)) ++paused;
    Set(key, static_cast<double>(rows[i].Int(3)), static_cast<double>(rows[i].Int(4)),
        static_cast<double>(rows[i].Int(5)));
    now.insert(key);
  }
  for (const Key& key : known_) {
    if (!now.contains(key)) Set(key, 0, 0, 0);
  }
  known_ = std::move(now);
  const auto count = [&](const std::string& state, int value) {
    metrics_.Gauge("embudo_subscriptions", "Durable subscriptions, by state", {{"state", state}}).Set(value);
  };
  count("paused", paused);
  count("active", rows.size() - paused);
  return absl::OkStatus();
}

void SubscriptionMeter::Set(const Key& key, double lag, double waiting, double parked) {
  const metrics::Labels labels = {{"tenant", key.first}, {"subscription", key.second}};
  metrics_.Gauge("embudo_subscription_lag_places", "Places of the log that a subscription has not dealt with", labels)
      .Set(lag);
  metrics_.Gauge("embudo_subscription_waiting_events", "Events that wait beside the log for another delivery", labels)
      .Set(waiting);
  metrics_.Gauge("embudo_subscription_parked_events", "Events that are parked", labels).Set(parked);
}

}  // namespace embudo::pipeline::events
