#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/filter/filter.h"
#include "common/filter/tree.h"

namespace embudo::filter {

/// Fields that a filter sees under a prefix: `lead.stage`, `previous.stage`.
struct Mount {
  /// Empty, or with its dot: `lead.`.
  std::string prefix;
  const Schema* schema;
  /// From the record to the schema's message.
  Chain chain;
  /// From the previous record to the schema's message, for fields as they were before the change.
  std::optional<Chain> previous_chain;
};

/// The fields that a filter sees.
struct Scope {
  std::vector<Mount> mounts;
  /// Messages of whose fields `changed:` may name one. Empty: there is no `changed`.
  std::vector<const google::protobuf::Descriptor*> changed;
};

/// Parses a filter and binds its names and values.
absl::StatusOr<std::shared_ptr<const Tree>> Compile(std::string_view text, const Scope& scope, const Resolver& resolver,
                                                    std::string_view field);

}  // namespace embudo::filter
