#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/resource/resource.h"

namespace embudo::pipeline::rpc {

/// What a lead or a touch names, in the form that logic::UtmCode makes; each may be empty.
struct UtmCodes {
  std::string source;
  std::string medium;
  std::string campaign;
};

/// Sees to it that every code that a lead or a touch names is in the tenant's catalogue. Keeps for a while which are,
/// so that a code in use costs a look into memory. Thread-safe.
class UtmCatalog {
 public:
  UtmCatalog(db::Pool& pool, resource::Writer& writer, const Clock& clock, resource::Resource& sources,
             resource::Resource& mediums, resource::Resource& campaigns)
      : pool_(pool), writer_(writer), clock_(clock), resources_{&sources, &mediums, &campaigns} {}

  /// Makes records for the codes that have none.
  absl::Status See(const embudo::rpc::CallContext& call, const std::vector<UtmCodes>& named);
  /// After a record of the catalogue changed.
  void Forget(const std::string& tenant);

 private:
  static constexpr size_t kKinds = 3;
  struct Known {
    std::set<std::string, std::less<>> codes[kKinds];
    std::chrono::steady_clock::time_point expires;
  };

  std::set<std::string> Unknown(const std::string& tenant, size_t kind, const std::vector<UtmCodes>& named);
  void Remember(const std::string& tenant, size_t kind, const std::set<std::string>& codes);
  absl::Status MakeMissing(const embudo::rpc::CallContext& call, resource::Resource& resource,
                           const std::set<std::string>& codes);

  db::Pool& pool_;
  resource::Writer& writer_;
  const Clock& clock_;
  resource::Resource* const resources_[kKinds];
  std::mutex mutex_;
  std::map<std::string, Known> known_;
};

}  // namespace embudo::pipeline::rpc
