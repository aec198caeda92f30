#include "embudo/pipeline/v1/notification_service.pb.h"
#include "services/pipeline/rpc/pending.h"
#include "services/pipeline/rpc/services.h"

namespace embudo::pipeline::rpc {

std::unique_ptr<embudo::rpc::Service> MakeNotificationService(Records& records) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetNotificationRequest::descriptor()->file()->service(0));
  records.notifications().Bind(*service);
  Pending(*service);
  return service;
}

}  // namespace embudo::pipeline::rpc
