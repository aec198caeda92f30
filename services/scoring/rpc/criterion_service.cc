#include "services/scoring/rpc/criterion_service.h"

#include <utility>

#include "common/base/error.h"
#include "embudo/scoring/v1/criterion_service.pb.h"
#include "services/scoring/logic/manual_score.h"
#include "services/scoring/storage/rescoring.h"
#include "services/scoring/storage/tenant.h"

namespace embudo::scoring {
namespace {

using google::protobuf::Message;

absl::Status Prepare(const rpc::CallContext&, Message& after, const Message*) {
  const auto& criterion = static_cast<const v1::Criterion&>(after);
  if (criterion.has_delete_time()) return absl::OkStatus();
  return logic::Compile(criterion).status();
}

}  // namespace

CriterionService::CriterionService(db::Pool& pool, resource::Writer& writer, const Clock& clock,
                                   std::function<void()> marked)
    : pool_(pool),
      marked_(std::move(marked)),
      criteria_(storage::CriterionTable(), {.prepare = Prepare, .default_order = "create_time"}, pool, writer, clock) {}

std::unique_ptr<rpc::Service> CriterionService::MakeService() {
  auto service = std::make_unique<rpc::Service>(v1::GetCriterionRequest::descriptor()->file()->service(0));
  const auto change = [&](const char* name, auto method, auto validates_only) {
    service->UnaryAny(name, [=, this](const rpc::CallContext& call, const Message& request, Message& response) {
      EMBUDO_RETURN_IF_ERROR((criteria_.*method)(call, request, response));
      return validates_only(request) ? absl::OkStatus() : ScoreAgain(call);
    });
  };
  change("CreateCriterion", &resource::Resource::Create,
         [](const Message& r) { return static_cast<const v1::CreateCriterionRequest&>(r).validate_only(); });
  change("UpdateCriterion", &resource::Resource::Update,
         [](const Message& r) { return static_cast<const v1::UpdateCriterionRequest&>(r).validate_only(); });
  change("DeleteCriterion", &resource::Resource::Delete,
         [](const Message& r) { return static_cast<const v1::DeleteCriterionRequest&>(r).validate_only(); });
  criteria_.Bind(*service);
  return service;
}

absl::Status CriterionService::ScoreAgain(const rpc::CallContext& call) const {
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease connection, pool_.Acquire(call.tenant(), call.deadline));
  EMBUDO_RETURN_IF_ERROR(storage::AskForRescoring(*connection, call.tenant()).status());
  marked_();
  return absl::OkStatus();
}

}  // namespace embudo::scoring
