#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/pool.h"
#include "embudo/type/v1/lead.pb.h"
#include "services/capture/logic/match.h"

namespace embudo::capture::storage {

/// Takes leads of one tenant in as their last events told them, by id: what they are found and compared by, and which
/// of them has an exact key. In the consumer's transaction.
absl::Status IndexLeads(db::Connection& connection, const std::string& tenant,
                        const std::map<std::string, const type::v1::Lead*>& leads);

/// Leads that have one of the keys, the newest of each key; not `except` (a lead's id, or empty).
absl::StatusOr<std::vector<logic::Found>> FindLeads(db::Pool& pool, const std::string& tenant,
                                                    const std::vector<logic::MatchKey>& keys, const std::string& except,
                                                    bool open_only, db::Deadline deadline);

/// The same for several at once, each in the place of its search; of open leads only.
struct LikeSearch {
  std::vector<logic::MatchKey> keys;
  /// A lead that is not meant.
  std::string except;
};
absl::StatusOr<std::vector<std::vector<logic::Found>>> FindLeadsOfAll(db::Pool& pool, const std::string& tenant,
                                                                      const std::vector<LikeSearch>& searches,
                                                                      db::Deadline deadline);

/// The statement of FindLeads; for measuring it.
extern const char kFindLeads[];

}  // namespace embudo::capture::storage
