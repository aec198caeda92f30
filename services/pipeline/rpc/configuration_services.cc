// Services whose methods are the standard ones, but for the order of stages: pipelines, teams and users, catalogues.

#include <map>
#include <set>

#include "common/base/error.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/pipeline_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "embudo/pipeline/v1/touch_service.pb.h"
#include "services/pipeline/rpc/services.h"
#include "services/pipeline/rpc/touch_bulk.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using type::v1::Stage;

std::unique_ptr<embudo::rpc::Service> Standard(const google::protobuf::FileDescriptor* file,
                                               std::initializer_list<resource::Resource*> resources) {
  auto service = std::make_unique<embudo::rpc::Service>(file->service(0));
  for (resource::Resource* resource : resources) resource->Bind(*service);
  return service;
}

constexpr int kReorderAttempts = 10;
/// Between the sequences of two stages, so that another fits.
constexpr int kSequenceStep = 10;

absl::Status CheckOrder(const std::vector<Stage>& stages, const v1::ReorderStagesRequest& request) {
  std::map<std::string, bool> is_won;
  for (const Stage& stage : stages) is_won[stage.name()] = stage.is_won();
  std::set<std::string> named;
  std::string won;
  for (const std::string& name : request.stages()) {
    const auto stage = is_won.find(name);
    if (stage == is_won.end()) return InvalidField("stages", "there is no " + name + " in the pipeline");
    if (!named.insert(name).second) return InvalidField("stages", name + " is there twice");
    if (stage->second) {
      won = name;
    } else if (!won.empty()) {
      return InvalidField("stages", won + " is a won stage and can't stand before " + name);
    }
  }
  for (const Stage& stage : stages) {
    if (!named.contains(stage.name())) return InvalidField("stages", stage.name() + " is missing");
  }
  return absl::OkStatus();
}

absl::Status TryReorder(Records& records, const CallContext& call, const v1::ReorderStagesRequest& request,
                        v1::ReorderStagesResponse& response) {
  EMBUDO_RETURN_IF_ERROR(records.pipelines().Load(call, request.parent()).status());
  records.catalogs().Forget(call.tenant());
  EMBUDO_ASSIGN_OR_RETURN(const auto catalog, records.catalogs().Get(call.tenant(), call.deadline));
  EMBUDO_RETURN_IF_ERROR(CheckOrder(catalog->StagesOf(request.parent()), request));
  auto answer = std::make_shared<v1::ReorderStagesResponse>();
  std::vector<resource::Change> changes;
  for (int i = 0; i < request.stages_size(); ++i) {
    const auto place = [&](Message& stage, resource::Resource::Effects&) {
      static_cast<Stage&>(stage).set_sequence((i + 1) * kSequenceStep);
      return absl::OkStatus();
    };
    EMBUDO_ASSIGN_OR_RETURN(
        auto planned, records.stages().Plan(call, request.stages(i), "", type::v1::EVENT_TYPE_STAGE_UPDATED, place,
                                            *answer->add_stages()));
    for (resource::Change& change : planned) changes.push_back(std::move(change));
  }
  response = *answer;
  if (request.validate_only()) return absl::OkStatus();
  resource::Change unchanged;
  resource::Change& first = changes.empty() ? unchanged : changes.front();
  first.table = &records.stages().table();
  records.stages().FillRequest(call, request, &first);
  first.answer = answer;
  if (!changes.empty()) return records.writer().WriteTogether(call.tenant(), changes, call.deadline, {}, &response);
  first.time = records.clock().Now();
  return request.request_id().empty() ? absl::OkStatus()
                                      : records.writer().KeepAnswer(call.tenant(), first, call.deadline);
}

absl::StatusOr<v1::ReorderStagesResponse> ReorderStages(Records& records, const CallContext& call,
                                                        const v1::ReorderStagesRequest& request) {
  v1::ReorderStagesResponse response;
  resource::Change key;  // what FindAnswer needs
  key.table = &records.stages().table();
  records.stages().FillRequest(call, request, &key);
  bool answered = false;
  if (!request.request_id().empty()) {
    EMBUDO_ASSIGN_OR_RETURN(answered, records.writer().FindAnswer(call.tenant(), key, &response, call.deadline));
  }
  absl::Status status;
  for (int attempt = 0; attempt < kReorderAttempts && !answered; ++attempt) {
    status = TryReorder(records, call, request, response);
    if (ReasonOf(status) != "VERSION_CHANGED") break;
  }
  if (!status.ok()) return status;
  for (Stage& stage : *response.mutable_stages()) records.stages().Derive(call, stage);
  return response;
}

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakePipelineService(Records& records) {
  auto service = Standard(v1::GetPipelineRequest::descriptor()->file(), {&records.pipelines(), &records.stages()});
  service->Unary<v1::ReorderStagesRequest, v1::ReorderStagesResponse>(
      "ReorderStages", [&records](const CallContext& call, const v1::ReorderStagesRequest& request) {
        return ReorderStages(records, call, request);
      });
  return service;
}

std::unique_ptr<embudo::rpc::Service> MakeTeamService(Records& records) {
  return Standard(v1::GetTeamRequest::descriptor()->file(),
                  {&records.teams(), &records.memberships(), &records.users()});
}

std::unique_ptr<embudo::rpc::Service> MakeTouchService(Records& records) {
  auto service = Standard(v1::GetTouchRequest::descriptor()->file(), {&records.touches()});
  service->Unary<v1::BulkCreateTouchesRequest, v1::BulkCreateTouchesResponse>(
      "BulkCreateTouches", [&records](const CallContext& call, const v1::BulkCreateTouchesRequest& request) {
        return BulkCreateTouches(records, call, request);
      });
  return service;
}

std::unique_ptr<embudo::rpc::Service> MakeCatalogService(Records& records) {
  return Standard(v1::GetTagRequest::descriptor()->file(),
                  {&records.tags(), &records.lost_reasons(), &records.products(), &records.custom_fields(),
                   &records.exchange_rates(), &records.targets(), &records.campaigns(), &records.utm_sources(),
                   &records.utm_mediums()});
}

}  // namespace embudo::pipeline::rpc
