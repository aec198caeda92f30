#pragma once

#include <memory>

#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/resource/resource.h"
#include "common/rpc/service.h"
#include "common/rpc/validate.h"

namespace embudo::automation {

/// Rules by their standard methods, each checked before it is saved.
class RuleService {
 public:
  /// `pool` is of the automation_rpc role.
  RuleService(db::Pool& pool, resource::Writer& writer, const Clock& clock);

  std::unique_ptr<rpc::Service> MakeService();

 private:
  absl::Status Prepare(const rpc::CallContext& call, google::protobuf::Message& after,
                       const google::protobuf::Message* before);

  db::Pool& pool_;
  /// Holds the values that a rule sets to what UpdateLead takes.
  const rpc::Validator update_values_;
  resource::Resource rules_;
};

}  // namespace embudo::automation
