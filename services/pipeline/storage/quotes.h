#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/db/pool.h"
#include "services/pipeline/logic/quote_rules.h"

namespace embudo::pipeline::storage {

/// What quotes need of the database beside their own records.

/// The next number of a kind of document (`quote`, `order`). Never given twice; one that is not used is a gap.
absl::StatusOr<int64_t> NextNumber(db::Pool& pool, const std::string& tenant, db::Deadline deadline,
                                   const std::string& kind);
/// Those of the products that there are.
absl::StatusOr<logic::Products> LoadProducts(db::Pool& pool, const std::string& tenant, db::Deadline deadline,
                                             const std::vector<std::string>& names);
/// The highest revision that a quote's number has got so far.
absl::StatusOr<int> LastRevision(db::Pool& pool, const std::string& tenant, db::Deadline deadline,
                                 const type::v1::Quote& quote);
/// Names of the lead's quotes that are still in play, but for one.
absl::StatusOr<std::vector<std::string>> OtherOpenQuotes(db::Pool& pool, const std::string& tenant,
                                                         db::Deadline deadline, const type::v1::Quote& quote);

/// Keeps the PDF of a quote, in the connection's transaction.
absl::Status SaveDocument(db::Connection& connection, const std::string& tenant, const std::string& quote,
                          const std::string& content);
/// NOT_FOUND if there is none.
absl::StatusOr<std::string> LoadDocument(db::Pool& pool, const std::string& tenant, db::Deadline deadline,
                                         const std::string& quote);

}  // namespace embudo::pipeline::storage
