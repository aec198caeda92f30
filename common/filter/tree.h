#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/filter/literal.h"
#include "common/filter/schema.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/message.h"

namespace embudo::filter {

/// What a test asks of a field's value. A test of an unset field is false, whatever it asks, so `!=` is the negation of
/// kEqual. There is no "unset" in SQL but NULL and '' (an empty set for sets), and the tree has no other negation than
/// Node::kNot: that is what keeps the two back ends equal.
enum class Op {
  kSet,
  kEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kLike,     ///< the text is like the pattern's pieces with anything between them
  kIn,       ///< the reference is one of the names; the set has one of the values
  kChanged,  ///< the path is among the changed fields
};

/// A moment, fixed or counted from the time of the evaluation. Dates are its day, in UTC.
struct Instant {
  std::optional<Time> at;
  std::chrono::seconds offset{0};

  Time Resolve(Time now) const { return at ? *at : now + offset; }
};

/// Empty for kSet; text pieces for kLike; texts for kIn.
using Value = std::variant<std::monostate, bool, int64_t, double, Decimal, Instant, std::string,
                           std::vector<std::string>, const google::protobuf::EnumValueDescriptor*>;

using Chain = std::vector<const google::protobuf::FieldDescriptor*>;

/// A question about one field. It reads the record after the change, which is the only one outside of events, or the
/// record before it.
struct Test {
  std::shared_ptr<const Field> field;
  /// Of a custom field; empty: all of them.
  std::string key;
  Op op = Op::kSet;
  Value value;
  /// From the record to the field, and to where the value before the change stands.
  Chain chain;
  std::optional<Chain> previous_chain;
  /// The path of the field as changed_fields has it. Of kChanged: the path asked for, empty for any.
  std::string path;
};

/// A bound filter: names are resolved, values converted.
struct Node {
  enum class Kind { kAnd, kOr, kNot, kTest };

  Kind kind = Kind::kAnd;
  std::vector<Node> children;
  Test test;
};

/// A compiled filter, as both back ends read it.
struct Tree {
  std::string text;
  Node root;
  std::set<std::string> fields;

  bool empty() const { return root.kind == Node::Kind::kAnd && root.children.empty(); }
};

/// What a filter is evaluated on.
struct Subject {
  const google::protobuf::Message& record;
  /// Where previous values are; nullptr if there are none, as on creation.
  const google::protobuf::Message* previous = nullptr;
  const google::protobuf::FieldMask* changed = nullptr;
  Time now;
};

/// The in-memory back end.
bool Evaluate(const Node& node, const Subject& subject);

}  // namespace embudo::filter
