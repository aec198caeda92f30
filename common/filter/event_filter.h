#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/filter/filter.h"
#include "common/filter/schema.h"
#include "embudo/type/v1/event.pb.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/message.h"

namespace embudo::filter {

/// A filter over events, for subscriptions. It sees the event's attributes (`type = "lead.won"`), the record after the
/// change under its kind (`lead.stage`, `contact.email`), the lead before it (`previous.stage`), and what changed
/// (`changed:stage`). A test of a record that the event doesn't bear is false.
class EventFilter {
 public:
  EventFilter();
  /// As Filter::Compile. A schema of Lead tells the fields of leads.
  static absl::StatusOr<EventFilter> Compile(std::string_view text, const Schema& leads, const Resolver& resolver = {},
                                             std::string_view field = "filter");

  bool Matches(const type::v1::Event& event, Time now) const;

  bool empty() const;
  const std::string& text() const;
  const std::set<std::string>& fields() const;

 private:
  explicit EventFilter(std::shared_ptr<const Tree> tree);

  std::shared_ptr<const Tree> tree_;
};

/// A filter over the change of a record, for rules: the fields after it at top level (`expected_revenue > 1000`), those
/// before it (`previous.stage`), and what changed (`changed:stage`).
class ChangeFilter {
 public:
  ChangeFilter();
  /// As Filter::Compile.
  static absl::StatusOr<ChangeFilter> Compile(std::string_view text, const Schema& schema,
                                              const Resolver& resolver = {}, std::string_view field = "condition");

  /// `previous` needs only the changed fields; nullptr on creation, when all previous fields are unset.
  bool Matches(const google::protobuf::Message& record, const google::protobuf::Message* previous,
               const google::protobuf::FieldMask& changed, Time now) const;

  bool empty() const;
  const std::string& text() const;
  const std::set<std::string>& fields() const;

 private:
  explicit ChangeFilter(std::shared_ptr<const Tree> tree);

  std::shared_ptr<const Tree> tree_;
};

}  // namespace embudo::filter
