#pragma once

#include <functional>
#include <string>
#include <vector>

#include "embudo/pipeline/v1/lead_service.pb.h"
#include "embudo/pipeline/v1/subscription_service.pb.h"
#include "tests/integration/pipeline/fixture.h"
#include "tests/integration/pipeline/webhook.h"

namespace embudo::testing {

/// What tests of webhooks share.
class PushTest : public PipelineTest {
 protected:
  using Subscription = type::v1::Subscription;

  void SetUp() override { WaitUntilPositioned(); }

  /// One of leads, from now on, pushed to `uri`.
  std::string Subscribe(const std::string& uri, const std::function<void(Subscription&)>& change = {}) const {
    pipeline::v1::CreateSubscriptionRequest request;
    Subscription& subscription = *request.mutable_subscription();
    subscription.set_display_name("Accounting");
    subscription.set_start(Subscription::START_LATEST);
    subscription.set_filter(R"(type = "lead.created" OR type = "lead.updated")");
    subscription.set_push_uri(uri);
    if (change) change(subscription);
    return admin_.Must<Subscription>(request).name();
  }
  pipeline::v1::RotateSubscriptionSecretResponse Rotate(const std::string& name) const {
    pipeline::v1::RotateSubscriptionSecretRequest request;
    request.set_name(name);
    return admin_.Must<pipeline::v1::RotateSubscriptionSecretResponse>(request);
  }
  /// With its first secret, so that it is pushed.
  std::string SubscribeSigned(const std::string& uri) const {
    std::string name = Subscribe(uri);
    Rotate(name);
    return name;
  }
  Subscription Get(const std::string& name) const {
    pipeline::v1::GetSubscriptionRequest request;
    request.set_name(name);
    return admin_.Must<Subscription>(request);
  }
  pipeline::v1::SubscriptionStats Stats(const std::string& name) const {
    pipeline::v1::GetSubscriptionStatsRequest request;
    request.set_name(name);
    return admin_.Must<pipeline::v1::SubscriptionStats>(request);
  }
  std::vector<pipeline::v1::ParkedEvent> Parked(const std::string& name) const {
    pipeline::v1::ListParkedEventsRequest request;
    request.set_name(name);
    const auto response = admin_.Must<pipeline::v1::ListParkedEventsResponse>(request);
    return {response.parked_events().begin(), response.parked_events().end()};
  }
  /// The newest first.
  std::vector<pipeline::v1::PushDelivery> Deliveries(const std::string& name, const std::string& event_id = "") const {
    pipeline::v1::ListDeliveriesRequest request;
    request.set_name(name);
    request.set_event_id(event_id);
    const auto response = admin_.Must<pipeline::v1::ListDeliveriesResponse>(request);
    return {response.deliveries().begin(), response.deliveries().end()};
  }
  /// Waits until so many attempts are logged.
  bool WaitForDeliveries(const std::string& name, size_t count) const {
    return Eventually([&] { return Deliveries(name).size() >= count; });
  }
  absl::Status Redeliver(const std::string& name, const std::string& event_id) const {
    pipeline::v1::RedeliverEventRequest request;
    request.set_name(name);
    request.set_event_id(event_id);
    return admin_.Call<pipeline::v1::RedeliverEventResponse>(request).status();
  }
  type::v1::Lead SetPain(const std::string& lead, const std::string& pain) const {
    pipeline::v1::UpdateLeadRequest request;
    request.mutable_lead()->set_name(lead);
    request.mutable_lead()->set_pain(pain);
    return admin_.Must<type::v1::Lead>(request);
  }
};

}  // namespace embudo::testing
