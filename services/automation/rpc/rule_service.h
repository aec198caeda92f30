#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/resource/resource.h"
#include "common/rpc/client.h"
#include "common/rpc/service.h"
#include "common/rpc/validate.h"
#include "embudo/automation/v1/rule_service.pb.h"

namespace embudo::automation {

/// Rules by their standard methods, each checked before it is saved; what they would have done; the addresses by which
/// other systems call them.
class RuleService {
 public:
  /// `pool` is of the automation_rpc role.
  RuleService(db::Pool& pool, resource::Writer& writer, embudo::rpc::Client& pipeline, const Clock& clock);

  std::unique_ptr<embudo::rpc::Service> MakeService();

 private:
  using CallContext = embudo::rpc::CallContext;

  absl::Status Prepare(const CallContext& call, google::protobuf::Message& after,
                       const google::protobuf::Message* before);
  /// INVALID_ARGUMENT unless the rule could run.
  absl::Status Check(const CallContext& call, const v1::Rule& rule);
  /// What it names must be there: as events have told, or else as the pipeline says.
  absl::Status CheckReferences(const CallContext& call, db::Connection& connection, const v1::Rule& rule);
  absl::Status CheckInPipeline(const CallContext& call, const std::string& type, const std::string& name,
                               const std::string& path);
  absl::StatusOr<std::vector<v1::Rule>> LoadRules(const CallContext& call);
  absl::StatusOr<std::vector<std::string>> Warnings(const CallContext& call, const v1::Rule& rule);
  void Derive(const CallContext& call, google::protobuf::Message& record);

  absl::StatusOr<v1::DryRunRuleResponse> DryRun(const CallContext& call, const v1::DryRunRuleRequest& request);
  absl::StatusOr<v1::RotateRuleHookResponse> RotateHook(const CallContext& call,
                                                        const v1::RotateRuleHookRequest& request);

  db::Pool& pool_;
  embudo::rpc::Client& pipeline_;
  const Clock& clock_;
  /// Holds the values that a rule sets to what UpdateLead takes.
  const embudo::rpc::Validator update_values_;
  resource::Resource rules_;
};

}  // namespace embudo::automation
