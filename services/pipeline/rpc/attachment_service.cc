#include "embudo/pipeline/v1/attachment_service.pb.h"
#include "services/pipeline/rpc/pending.h"
#include "services/pipeline/rpc/services.h"

namespace embudo::pipeline::rpc {

std::unique_ptr<embudo::rpc::Service> MakeAttachmentService(Records& records) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetAttachmentRequest::descriptor()->file()->service(0));
  records.attachments().Bind(*service);
  Pending(*service);
  return service;
}

}  // namespace embudo::pipeline::rpc
