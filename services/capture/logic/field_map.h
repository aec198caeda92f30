#pragma once

#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "embudo/capture/v1/capture_service.pb.h"
#include "embudo/capture/v1/field_mapping.pb.h"
#include "google/protobuf/repeated_field.h"
#include "services/capture/logic/cell.h"

namespace embudo::capture::logic {

/// What a mapping made of something that came in.
struct Mapped {
  type::v1::Lead lead;
  type::v1::Touch touch;
  /// The texts that came, by the field that they are for.
  std::map<std::string, std::string> texts;
  /// Not empty: it lacks what is required, and this says what.
  std::string rejected;
  /// The source of that; empty if it is not of one field.
  std::string rejected_source;
};

/// Field mappings, checked against the lead. Pure.
class FieldMap {
 public:
  using Mappings = google::protobuf::RepeatedPtrField<v1::FieldMapping>;
  /// The texts at a mapping's source; none if there is nothing.
  using Reader = std::function<std::vector<std::string>(const v1::FieldMapping&)>;

  /// INVALID_ARGUMENT that names the mapping's field below `path` (`form.fields`).
  static absl::StatusOr<FieldMap> Compile(const Mappings& mappings, const std::string& path);

  /// What can't be read is left out, unless it is required. Texts that are too long are cut. Several mappings of the
  /// contact's name, the title or the description are joined; of other fields, the first that has a text holds.
  Mapped Map(const Reader& read) const;

 private:
  enum class Kind { kLead, kTouch, kClickId, kExternalId };
  struct Entry {
    v1::FieldMapping spec;
    Kind kind = Kind::kLead;
    Target target;
    /// Of click and external ids.
    std::string key;
    /// spec.values, by NameKey.
    std::unordered_map<std::string, std::string> values;
  };

  static absl::Status CompileOne(Entry& entry);
  /// Whether the text fits the field.
  static absl::Status Fill(const Entry& entry, const std::vector<std::string>& texts, Mapped& mapped);
  static absl::Status FillLead(const Entry& entry, const std::vector<std::string>& texts, type::v1::Lead& lead);

  std::vector<Entry> entries_;
};

}  // namespace embudo::capture::logic
