// Services whose methods are the standard ones: pipelines and stages, teams and users, catalogues.

#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/pipeline_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "services/pipeline/rpc/pending.h"
#include "services/pipeline/rpc/services.h"

namespace embudo::pipeline::rpc {
namespace {

std::unique_ptr<embudo::rpc::Service> Standard(const google::protobuf::FileDescriptor* file,
                                               std::initializer_list<resource::Resource*> resources) {
  auto service = std::make_unique<embudo::rpc::Service>(file->service(0));
  for (resource::Resource* resource : resources) resource->Bind(*service);
  Pending(*service);
  return service;
}

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakePipelineService(Records& records) {
  return Standard(v1::GetPipelineRequest::descriptor()->file(), {&records.pipelines(), &records.stages()});
}

std::unique_ptr<embudo::rpc::Service> MakeTeamService(Records& records) {
  return Standard(v1::GetTeamRequest::descriptor()->file(),
                  {&records.teams(), &records.memberships(), &records.users()});
}

std::unique_ptr<embudo::rpc::Service> MakeCatalogService(Records& records) {
  return Standard(v1::GetTagRequest::descriptor()->file(),
                  {&records.tags(), &records.lost_reasons(), &records.products(), &records.custom_fields(),
                   &records.exchange_rates(), &records.targets()});
}

}  // namespace embudo::pipeline::rpc
