#pragma once

#include <functional>
#include <memory>

#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/resource/resource.h"
#include "common/rpc/service.h"
#include "embudo/automation/v1/webhook_service.pb.h"

namespace embudo::automation {

/// Webhooks and what was sent to them.
class WebhookService {
 public:
  /// `pool` is of the automation_rpc role; `private_targets`: addresses of private networks are allowed; `wake` tells
  /// that a delivery is due.
  WebhookService(db::Pool& pool, resource::Writer& writer, const Clock& clock, bool private_targets,
                 std::function<void()> wake);

  std::unique_ptr<rpc::Service> MakeService();

 private:
  absl::Status Prepare(google::protobuf::Message& after, const google::protobuf::Message* before) const;
  absl::StatusOr<v1::RotateWebhookSecretResponse> RotateSecret(const rpc::CallContext& call,
                                                               const v1::RotateWebhookSecretRequest& request);
  absl::StatusOr<v1::WebhookDelivery> Retry(const rpc::CallContext& call,
                                            const v1::RetryWebhookDeliveryRequest& request);

  db::Pool& pool_;
  const Clock& clock_;
  const bool private_targets_;
  const std::function<void()> wake_;
  resource::Resource webhooks_;
  resource::Resource deliveries_;
};

}  // namespace embudo::automation
