#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/filter/schema.h"
#include "google/protobuf/message.h"

namespace embudo::filter {

struct Tree;

/// Finds the names of all resources of a type whose field has the value, for `stage.display_name = "Proposal"`:
/// ("embudo.dev/Stage", "display_name", "Proposal"). Called while a filter is compiled; at most 1,000 names.
using Resolver = std::function<absl::StatusOr<std::vector<std::string>>(
    const std::string& resource_type, const std::string& field, const std::string& value)>;

/// A condition for a WHERE clause, where NULL counts as false.
struct Sql {
  std::string clause;
  /// As text; the clause casts them.
  std::vector<std::string> parameters;
};

/// A filter of AIP-160's language, see docs/filter.md: compiled, immutable, cheap to copy. It outlives its schema.
class Filter {
 public:
  /// Matches everything, as the empty text does.
  Filter();

  /// INVALID_ARGUMENT, reason INVALID_FILTER, with the position, for anything wrong in the text. `field` is the path of
  /// the text in the request. An error of the resolver is returned as it is.
  static absl::StatusOr<Filter> Compile(std::string_view text, const Schema& schema, const Resolver& resolver = {},
                                        std::string_view field = "filter");

  /// Whether a record of the schema's message matches.
  bool Matches(const google::protobuf::Message& record, Time now) const;
  /// The same question to PostgreSQL; TRUE for the empty filter. Parameters count from $<first_parameter>.
  Sql ToSql(int first_parameter, Time now) const;

  bool empty() const;
  const std::string& text() const;
  /// The paths that it reads.
  const std::set<std::string>& fields() const;

 private:
  explicit Filter(std::shared_ptr<const Tree> tree) : tree_(std::move(tree)) {}

  std::shared_ptr<const Tree> tree_;
};

}  // namespace embudo::filter
