#include "services/automation/rpc/webhook_service.h"

#include <chrono>
#include <utility>

#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/http/public_address.h"
#include "common/http/webhook_signature.h"
#include "common/resource/once.h"
#include "services/automation/storage/tables.h"
#include "services/automation/storage/webhooks.h"

namespace embudo::automation {

using google::protobuf::Message;
using v1::Webhook;
using v1::WebhookDelivery;

namespace {

/// How long a secret signs beside the one that took its place.
constexpr std::chrono::hours kOverlap{24};

}  // namespace

WebhookService::WebhookService(db::Pool& pool, resource::Writer& writer, const Clock& clock, bool private_targets,
                               std::function<void()> wake)
    : pool_(pool),
      clock_(clock),
      private_targets_(private_targets),
      wake_(std::move(wake)),
      webhooks_(storage::WebhookTable(),
                {.prepare = [this](const rpc::CallContext&, Message& after,
                                   const Message* before) { return Prepare(after, before); },
                 .effects =
                     [](const rpc::CallContext& call, const Message& after, const Message* before,
                        resource::Effects& effects) {
                       const auto& webhook = static_cast<const Webhook&>(after);
                       const auto* old = static_cast<const Webhook*>(before);
                       const bool afresh =
                           old != nullptr && (old->uri() != webhook.uri() || (old->disabled() && !webhook.disabled()));
                       if (!afresh) return absl::OkStatus();
                       const storage::WebhookKey key{call.tenant(), IdOf(webhook.name())};
                       effects.statements = [key](db::Connection& connection) {
                         return storage::EndFailure(connection, key);
                       };
                       return absl::OkStatus();
                     },
                 .default_order = "create_time"},
                pool, writer, clock),
      deliveries_(storage::WebhookDeliveryTable(), {.default_order = "create_time desc"}, pool, writer, clock) {}

std::unique_ptr<rpc::Service> WebhookService::MakeService() {
  auto service = std::make_unique<rpc::Service>(v1::GetWebhookRequest::descriptor()->file()->service(0));
  service->Unary<v1::RotateWebhookSecretRequest, v1::RotateWebhookSecretResponse>(
      "RotateWebhookSecret", [this](const rpc::CallContext& call, const v1::RotateWebhookSecretRequest& request) {
        return RotateSecret(call, request);
      });
  service->Unary<v1::RetryWebhookDeliveryRequest, WebhookDelivery>(
      "RetryWebhookDelivery", [this](const rpc::CallContext& call, const v1::RetryWebhookDeliveryRequest& request) {
        return Retry(call, request);
      });
  webhooks_.Bind(*service);
  deliveries_.Bind(*service);
  return service;
}

absl::Status WebhookService::Prepare(Message& after, const Message* before) const {
  auto& webhook = static_cast<Webhook&>(after);
  if (!webhook.disabled()) webhook.clear_disable_reason();
  const auto* old = static_cast<const Webhook*>(before);
  if (webhook.has_delete_time() || (old != nullptr && old->uri() == webhook.uri())) return absl::OkStatus();
  return http::CheckTarget(webhook.uri(), private_targets_, "webhook.uri");
}

absl::StatusOr<v1::RotateWebhookSecretResponse> WebhookService::RotateSecret(
    const rpc::CallContext& call, const v1::RotateWebhookSecretRequest& request) {
  using Response = v1::RotateWebhookSecretResponse;
  EMBUDO_RETURN_IF_ERROR(webhooks_.Load(call, request.name()).status());
  const storage::WebhookKey key{call.tenant(), IdOf(request.name())};
  const auto rotate = [&](db::Connection& connection, Response& response) -> absl::Status {
    const std::string secret = http::NewSecret();
    const Time now = clock_.Now();
    EMBUDO_ASSIGN_OR_RETURN(const bool had_one,
                            storage::PutWebhookSecret(connection, key, secret, now, now + kOverlap));
    response.set_secret(http::ShowSecret(secret));
    if (had_one) *response.mutable_previous_expire_time() = ToTimestamp(now + kOverlap);
    return absl::OkStatus();
  };
  const auto shown = [key](db::Connection& connection) -> absl::StatusOr<std::vector<std::string>> {
    EMBUDO_ASSIGN_OR_RETURN(std::vector<std::string> secrets, storage::WebhookSecrets(connection, key));
    for (std::string& secret : secrets) secret = http::ShowSecret(secret);
    return secrets;
  };
  return resource::Once<Response>({"automation", pool_, clock_}, call, request, rotate,
                                  resource::WithoutSecret<Response>(request.name(), shown));
}

absl::StatusOr<WebhookDelivery> WebhookService::Retry(const rpc::CallContext& call,
                                                      const v1::RetryWebhookDeliveryRequest& request) {
  WebhookDelivery response;
  EMBUDO_RETURN_IF_ERROR(deliveries_.Modify(
      call, request.name(), request.etag(), request, type::v1::EVENT_TYPE_UNSPECIFIED,
      [&](Message& record, resource::Resource::Effects&) -> absl::Status {
        auto& delivery = static_cast<WebhookDelivery&>(record);
        delivery.set_state(WebhookDelivery::STATE_PENDING);
        delivery.set_attempts(0);
        delivery.clear_end_time();
        *delivery.mutable_next_attempt_time() = ToTimestamp(clock_.Now());
        return absl::OkStatus();
      },
      response));
  wake_();
  return response;
}

}  // namespace embudo::automation
