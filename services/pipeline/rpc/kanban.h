#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/connection.h"
#include "common/resource/mask.h"
#include "embudo/pipeline/v1/lead_service.pb.h"
#include "services/pipeline/rpc/records.h"

namespace embudo::pipeline::rpc {

/// What GetKanban asks of the database: one statement, so that figures and cards are of one moment. Also for tests that
/// EXPLAIN it.
struct KanbanQuery {
  std::string sql;
  db::Params params;
  std::vector<type::v1::Stage> stages;
  /// Cards a column that are shown; the statement asks for one more.
  int size = 0;
  resource::ReadMask mask;
};
absl::StatusOr<KanbanQuery> KanbanQueryOf(Records& records, const embudo::rpc::CallContext& call,
                                          const v1::GetKanbanRequest& request);

}  // namespace embudo::pipeline::rpc
