#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/filter/schema.h"

namespace embudo::filter {

/// One of the fields that a list is ordered by.
struct OrderTerm {
  std::shared_ptr<const Field> field;
  bool descending = false;
};

/// Parses AIP-132's `expected_revenue desc, create_time`: at most 10 fields of the schema, none twice, none of several
/// values. Empty for the empty text. INVALID_ARGUMENT, reason INVALID_ORDER_BY, with the position, for anything else;
/// `field` is the path of the text in the request.
absl::StatusOr<std::vector<OrderTerm>> ParseOrderBy(std::string_view text, const Schema& schema,
                                                    std::string_view field = "order_by");

}  // namespace embudo::filter
