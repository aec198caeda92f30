#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/money.h"
#include "common/text/dates.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace embudo::capture::logic {

/// How a file's texts are to be read.
struct Locale {
  text::DateOrder date_order = text::DateOrder::kYearMonthDay;
  std::string time_zone;
  NumberFormat numbers;
  std::string currency_code;
  std::string region_code;
};

/// A field that cells fill.
struct Target {
  const google::protobuf::FieldDescriptor* field = nullptr;
  /// Of `custom_fields.<key>`.
  std::string key;
  /// What numbers are multiplied with; empty: 1.
  std::string scale;
  /// Kind of the record that it refers to (see directory.h), empty for plain fields.
  std::string refers_to;
  /// Of `stage_entered.<stage>`, which is no field of the record: the stage's id.
  std::string entered_stage;
};

/// The field at `path` in a record; what is set otherwise (name, etag, state, stage, external_ids) and what only the
/// service sets are no targets. NOT_FOUND or INVALID_ARGUMENT with a message for the mapping's author.
absl::StatusOr<Target> FindTarget(const google::protobuf::Descriptor* record, const std::string& path);

/// Reads `text` (not empty) as the field's type and sets the field, or adds to it if it is repeated. Text gets its
/// normal form: mail addresses, phones, countries. `currency` is that of an amount without one; empty: the locale's.
/// INVALID_ARGUMENT with a reason that names what is wrong: INVALID_AMOUNT, INVALID_BOOLEAN,
/// INVALID_ENUMERATION_OPTION, COULD_NOT_PARSE_DATE, INVALID_EMAIL, INVALID_NUMBER, NUMBER_OUT_OF_RANGE, TEXT_TOO_LONG.
absl::Status SetField(const Target& target, std::string_view text, const Locale& locale,
                      google::protobuf::Message* record, const std::string& currency = "");

/// A moment as a file writes it: a date with or without a time, or a day's number in Excel's calendar.
absl::StatusOr<Time> ReadTime(std::string_view text, const Locale& locale);
/// Whether it says yes or no; INVALID_ARGUMENT, reason INVALID_BOOLEAN, if neither.
absl::StatusOr<bool> ReadBool(std::string_view text);

/// Sets a reference, or adds to a repeated one.
void SetReference(const Target& target, const std::string& name, google::protobuf::Message* record);

}  // namespace embudo::capture::logic
