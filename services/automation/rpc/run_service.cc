#include "services/automation/rpc/run_service.h"

#include <utility>

#include "common/base/error.h"
#include "services/automation/storage/tables.h"

namespace embudo::automation {

using google::protobuf::Message;
using v1::Run;

RunService::RunService(db::Pool& pool, resource::Writer& writer, const Clock& clock, std::function<void()> wake)
    : clock_(clock),
      wake_(std::move(wake)),
      runs_(storage::RunTable(), {.default_order = "create_time desc"}, pool, writer, clock) {}

std::unique_ptr<rpc::Service> RunService::MakeService() {
  auto service = std::make_unique<rpc::Service>(v1::GetRunRequest::descriptor()->file()->service(0));
  service->Unary<v1::RetryRunRequest, Run>(
      "RetryRun", [this](const rpc::CallContext& call, const v1::RetryRunRequest& request) -> absl::StatusOr<Run> {
        return RetryRun(call, request);
      });
  runs_.Bind(*service);
  return service;
}

absl::StatusOr<Run> RunService::RetryRun(const rpc::CallContext& call, const v1::RetryRunRequest& request) {
  Run response;
  EMBUDO_RETURN_IF_ERROR(runs_.Modify(
      call, request.name(), request.etag(), request, type::v1::EVENT_TYPE_UNSPECIFIED,
      [&](Message& record, resource::Resource::Effects&) -> absl::Status {
        Run& run = static_cast<Run&>(record);
        if (run.state() != Run::STATE_FAILED && run.state() != Run::STATE_DEAD) {
          return Error(absl::StatusCode::kFailedPrecondition, "RUN_NOT_FAILED", run.name() + " has not failed")
              .Violation("STATE", run.name(), "is neither failed nor dead");
        }
        run.set_state(Run::STATE_PENDING);
        run.set_attempts(0);
        run.set_error("");
        run.clear_end_time();
        *run.mutable_next_attempt_time() = ToTimestamp(clock_.Now());
        return absl::OkStatus();
      },
      response));
  wake_();
  return response;
}

}  // namespace embudo::automation
