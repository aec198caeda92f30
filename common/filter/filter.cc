#include "common/filter/filter.h"

#include <utility>

#include "common/base/error.h"
#include "common/filter/bind.h"
#include "common/filter/sql.h"
#include "common/filter/tree.h"

namespace embudo::filter {

Filter::Filter() {
  static const auto everything = std::make_shared<const Tree>();
  tree_ = everything;
}

absl::StatusOr<Filter> Filter::Compile(std::string_view text, const Schema& schema, const Resolver& resolver,
                                       std::string_view field) {
  const Scope scope{.mounts = {{.prefix = "", .schema = &schema}}};
  EMBUDO_ASSIGN_OR_RETURN(auto tree, filter::Compile(text, scope, resolver, field));
  return Filter(std::move(tree));
}

bool Filter::Matches(const google::protobuf::Message& record, Time now) const {
  return Evaluate(tree_->root, {.record = record, .now = now});
}

Sql Filter::ToSql(int first_parameter, Time now) const { return WriteSql(tree_->root, first_parameter, now); }

bool Filter::empty() const { return tree_->empty(); }

const std::string& Filter::text() const { return tree_->text; }

const std::set<std::string>& Filter::fields() const { return tree_->fields; }

}  // namespace embudo::filter
