#pragma once

#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace embudo::rpc {

/// Where google.api.field_behavior REQUIRED is held to.
enum class RequiredScope {
  /// In the request and in every message that it holds.
  kEverywhere,
  /// In the request's own fields only: methods that change records bring parts of them.
  kRequestOnly,
};

/// kRequestOnly for Update…, BatchUpdate…, BulkUpsert…, Capture… and RecordScores; else kEverywhere.
RequiredScope RequiredScopeOf(std::string_view method);

struct MessagePlan;

/// Holds requests of one type to what their fields declare: google.api.field_behavior REQUIRED and
/// embudo.type.v1.rules. Beyond that, text has no NUL (PostgreSQL keeps none), google.type.Money has a currency code of
/// three letters and parts of one sign, google.type.Date and google.protobuf.Timestamp are real. Fields that are
/// OUTPUT_ONLY or IDENTIFIER are passed over; so are fields that are not set, unless required. Thread-safe.
class Validator {
 public:
  /// Aborts if a field's pattern is not a regular expression.
  Validator(const google::protobuf::Descriptor* request, RequiredScope scope);

  /// INVALID_ARGUMENT, reason INVALID_FIELD, with all violations (20 at most) by path: `items[3].lead.display_name`,
  /// `labels["key"]`.
  absl::Status Check(const google::protobuf::Message& request) const;

 private:
  const MessagePlan* plan_;
  RequiredScope scope_;
};

}  // namespace embudo::rpc
