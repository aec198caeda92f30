#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/connection.h"
#include "embudo/type/v1/campaign.pb.h"
#include "embudo/type/v1/exchange_rate.pb.h"
#include "embudo/type/v1/pipeline.pb.h"
#include "embudo/type/v1/target.pb.h"

namespace embudo::reporting::storage {

/// The records of one kind that a tenant has, as their last events told them.
template <class Record>
absl::StatusOr<std::vector<Record>> LoadRecords(db::Connection& connection, const std::string& tenant);

extern template absl::StatusOr<std::vector<type::v1::Campaign>> LoadRecords(db::Connection&, const std::string&);
extern template absl::StatusOr<std::vector<type::v1::ExchangeRate>> LoadRecords(db::Connection&, const std::string&);
extern template absl::StatusOr<std::vector<type::v1::Target>> LoadRecords(db::Connection&, const std::string&);

/// A stage's place in its pipeline, and how sure what is in it is in the forecast (`COMMITTED`).
struct StageInfo {
  int64_t place = 0;
  std::string forecast_category;
};
/// All stages of a tenant by resource name.
absl::StatusOr<std::map<std::string, StageInfo>> LoadStages(db::Connection& connection, const std::string& tenant);

}  // namespace embudo::reporting::storage
