#include "embudo/capture/v1/import_mapping_service.pb.h"
#include "services/capture/rpc/services.h"

namespace embudo::capture::rpc {

using google::protobuf::Message;

std::unique_ptr<embudo::rpc::Service> MakeImportMappingService(Room& room) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetImportMappingRequest::descriptor()->file()->service(0));
  const auto bind = [&](const char* name, auto method) {
    service->UnaryAny(name,
                      [&room, method](const embudo::rpc::CallContext& call, const Message& request, Message& response) {
                        return (room.saved_mappings.*method)(call, request, response);
                      });
  };
  bind("GetImportMapping", &resource::Resource::Get);
  bind("ListImportMappings", &resource::Resource::List);
  bind("CreateImportMapping", &resource::Resource::Create);
  bind("UpdateImportMapping", &resource::Resource::Update);
  bind("DeleteImportMapping", &resource::Resource::Delete);
  return service;
}

}  // namespace embudo::capture::rpc
