#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/resource/resource.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {

/// Leads by name, as earlier items of the same batch will leave them.
using Planned = std::map<std::string, type::v1::Lead>;

/// What one request does to its lead, by a method of its own or in a batch. The request, and what was planned before,
/// must outlive it.
struct LeadChange {
  std::string name;
  std::string etag;
  type::v1::EventType event = type::v1::EVENT_TYPE_UNSPECIFIED;
  resource::Resource::Mutate mutate;
};
absl::StatusOr<LeadChange> ChangeBy(Records& records, const embudo::rpc::CallContext& call,
                                    const v1::UpdateLeadRequest& request, const Planned& planned);
absl::StatusOr<LeadChange> ChangeBy(Records& records, const embudo::rpc::CallContext& call,
                                    const v1::DeleteLeadRequest& request, const Planned& planned);
absl::StatusOr<LeadChange> ChangeBy(Records& records, const embudo::rpc::CallContext& call,
                                    const v1::MoveLeadRequest& request, const Planned& planned);
absl::StatusOr<LeadChange> ChangeBy(Records& records, const embudo::rpc::CallContext& call,
                                    const v1::WinLeadRequest& request, const Planned& planned);
absl::StatusOr<LeadChange> ChangeBy(Records& records, const embudo::rpc::CallContext& call,
                                    const v1::LoseLeadRequest& request, const Planned& planned);
absl::StatusOr<LeadChange> ChangeBy(Records& records, const embudo::rpc::CallContext& call,
                                    const v1::RestoreLeadRequest& request, const Planned& planned);
absl::StatusOr<LeadChange> ChangeBy(Records& records, const embudo::rpc::CallContext& call,
                                    const v1::AssignLeadRequest& request, const Planned& planned);

/// What a method that changes several leads will write, all or nothing.
struct Together {
  std::vector<resource::Change> changes;
  std::vector<resource::Writer::InTransaction> statements;
};
/// The frame of those methods: plans, writes, and plans anew if a lead has changed meanwhile. `plan` fills `response`,
/// which a repeated request_id gets again.
absl::Status ChangeTogether(Records& records, const embudo::rpc::CallContext& call,
                            const google::protobuf::Message& request, google::protobuf::Message& response,
                            const std::function<absl::StatusOr<Together>()>& plan);

}  // namespace embudo::pipeline::rpc
