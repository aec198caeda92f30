#include "services/capture/logic/field_map.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/text/dates.h"
#include "common/text/unicode.h"
#include "embudo/type/v1/options.pb.h"
#include "google/api/field_behavior.pb.h"
#include "services/capture/logic/directory.h"

namespace embudo::capture::logic {
namespace {

using google::protobuf::FieldDescriptor;
using type::v1::Lead;

constexpr std::string_view kTouchPrefix = "touch.";
constexpr std::string_view kClickPrefix = "touch.click_ids.";
constexpr std::string_view kExternalPrefix = "external_ids.";
constexpr size_t kMaxKey = 100;
constexpr size_t kMaxId = 255;
constexpr size_t kMaxClickId = 500;

bool IsOutputOnly(const FieldDescriptor* field) {
  const auto& all = field->options().GetRepeatedExtension(google::api::field_behavior);
  return std::find(all.begin(), all.end(), google::api::OUTPUT_ONLY) != all.end();
}

size_t MaxLength(const FieldDescriptor* field) {
  return static_cast<size_t>(field->options().GetExtension(type::v1::rules).max_length());
}

/// What stands between the texts of several mappings; empty: they are not joined.
std::string_view JoinedBy(const std::string& field) {
  if (field == "contact_name" || field == "display_name") return " ";
  return field == "description" ? "\n\n" : "";
}

/// Of several texts, a field that is more than words takes the first.
bool TakesOne(const FieldDescriptor* field) {
  const std::string& name = field->name();
  return field->cpp_type() != FieldDescriptor::CPPTYPE_STRING || name == "email" || name == "phone" ||
         name == "country" || name == "website" || name == "language";
}

std::string Join(const std::vector<std::string>& texts, std::string_view separator) {
  std::string out;
  for (const std::string& text : texts) {
    if (!out.empty()) out += separator;
    out += text;
  }
  return out;
}

std::vector<std::string> Split(const std::vector<std::string>& texts, const std::string& separator) {
  std::vector<std::string> parts;
  for (const std::string& text : texts) {
    for (size_t begin = 0; begin <= text.size();) {
      const size_t end = std::min(text.find(separator, begin), text.size());
      const size_t from = std::min(text.find_first_not_of(' ', begin), end);
      if (from < end) parts.push_back(text.substr(from, text.find_last_not_of(' ', end - 1) - from + 1));
      begin = end + separator.size();
    }
  }
  return parts;
}

absl::Status BadField(const std::string& field, const std::string& what) {
  return InvalidField("field", "\"" + field + "\" " + what);
}

}  // namespace

absl::Status FieldMap::CompileOne(Entry& entry) {
  const std::string& field = entry.spec.field();
  for (const auto& [text, value] : entry.spec.values()) entry.values[NameKey(text)] = value;
  if (entry.spec.source().empty() && entry.spec.constant().empty()) {
    return InvalidField("source", "is empty, and there is no constant");
  }
  for (const auto& [prefix, kind] :
       {std::pair(kClickPrefix, Kind::kClickId), std::pair(kExternalPrefix, Kind::kExternalId)}) {
    if (!field.starts_with(prefix)) continue;
    entry.kind = kind;
    entry.key = field.substr(prefix.size());
    if (entry.key.empty() || entry.key.size() > kMaxKey) return BadField(field, "lacks the key");
    return absl::OkStatus();
  }
  if (field.starts_with(kTouchPrefix)) {
    entry.kind = Kind::kTouch;
    EMBUDO_ASSIGN_OR_RETURN(entry.target, FindTarget(type::v1::Touch::descriptor(), field.substr(kTouchPrefix.size())));
    const std::string& name = entry.target.field->name();
    if (name == "channel" || name == "submission") return BadField(field, "is set by the service only");
  } else {
    EMBUDO_ASSIGN_OR_RETURN(entry.target, FindTarget(Lead::descriptor(), field));
    if (entry.target.field->name() == "channel") return BadField(field, "is set by the service only");
    const bool reference = !entry.target.refers_to.empty();
    if (reference && !entry.spec.source().empty() && entry.values.empty()) {
      return BadField(field, "refers to other records: its mapping says by `values` what stands for which");
    }
  }
  if (IsOutputOnly(entry.target.field)) return BadField(field, "is set by the service only");
  return absl::OkStatus();
}

absl::StatusOr<FieldMap> FieldMap::Compile(const Mappings& mappings, const std::string& path) {
  FieldMap map;
  for (int i = 0; i < mappings.size(); ++i) {
    Entry entry;
    entry.spec = mappings[i];
    const absl::Status status = CompileOne(entry);
    if (!status.ok()) {
      const auto details = ToRpcStatus(status);
      google::rpc::BadRequest bad;
      for (const auto& detail : details.details()) detail.UnpackTo(&bad);
      const std::string field = bad.field_violations_size() > 0 ? bad.field_violations(0).field() : "field";
      const std::string what =
          bad.field_violations_size() > 0 ? bad.field_violations(0).description() : MessageOf(status);
      return InvalidField(path + "[" + std::to_string(i) + "]." + field, what);
    }
    map.entries_.push_back(std::move(entry));
  }
  return map;
}

Mapped FieldMap::Map(const Reader& read) const {
  Mapped mapped;
  for (const Entry& entry : entries_) {
    std::vector<std::string> texts = entry.spec.source().empty() ? std::vector<std::string>() : read(entry.spec);
    const bool came = !texts.empty();
    if (!came && !entry.spec.constant().empty()) texts.push_back(entry.spec.constant());
    if (came) {
      for (std::string& text : texts) {
        const auto value = entry.values.find(NameKey(text));
        if (value != entry.values.end()) {
          text = value->second;
        } else if (!entry.target.refers_to.empty()) {
          text.clear();  // names of records are the mapping's to tell, not a stranger's
        }
      }
    }
    texts.erase(std::remove(texts.begin(), texts.end(), ""), texts.end());
    const std::string& source = entry.spec.source().empty() ? entry.spec.field() : entry.spec.source();
    if (texts.empty()) {
      if (!entry.spec.required() || !mapped.rejected.empty()) continue;
      mapped.rejected = source + ": is required";
      mapped.rejected_source = source;
      continue;
    }
    std::string& told = mapped.texts[entry.spec.field()];
    told += (told.empty() ? "" : "; ") + Join(texts, "; ");
    const absl::Status status = Fill(entry, texts, mapped);
    if (status.ok() || !entry.spec.required() || !mapped.rejected.empty()) continue;
    mapped.rejected = source + ": " + MessageOf(status);
    mapped.rejected_source = source;
  }
  return mapped;
}

absl::Status FieldMap::Fill(const Entry& entry, const std::vector<std::string>& texts, Mapped& mapped) {
  switch (entry.kind) {
    case Kind::kLead:
      return FillLead(entry, texts, mapped.lead);
    case Kind::kTouch: {
      std::string text = texts.front();
      if (entry.target.field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        text = text::CutText(std::move(text), MaxLength(entry.target.field));
      }
      return SetField(entry.target, text, Locale(), &mapped.touch);
    }
    case Kind::kClickId:
      (*mapped.touch.mutable_click_ids())[entry.key] = text::CutText(texts.front(), kMaxClickId);
      return absl::OkStatus();
    case Kind::kExternalId:
      if (texts.front().size() > kMaxId) return InvalidField(entry.spec.field(), "has more than 255 bytes");
      auto* id = mapped.lead.add_external_ids();
      id->set_system(entry.key);
      id->set_id(texts.front());
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status FieldMap::FillLead(const Entry& entry, const std::vector<std::string>& texts, Lead& lead) {
  const FieldDescriptor* field = entry.target.field;
  const auto* reflection = lead.GetReflection();
  if (field->is_repeated() && !field->is_map()) {
    for (const std::string& part : Split(texts, entry.spec.separator().empty() ? ";" : entry.spec.separator())) {
      if (!entry.target.refers_to.empty()) {
        SetReference(entry.target, part, &lead);
      } else {
        EMBUDO_RETURN_IF_ERROR(SetField(entry.target, part, Locale(), &lead));
      }
    }
    return absl::OkStatus();
  }
  if (field->is_map()) {
    if (lead.custom_fields().contains(entry.target.key)) return absl::OkStatus();
    return SetField(entry.target, Join(texts, "; "), Locale(), &lead);
  }
  if (field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
    const bool set = field->has_presence() ? reflection->HasField(lead, field) : false;
    return set ? absl::OkStatus() : SetField(entry.target, texts.front(), Locale(), &lead);
  }
  std::string text = TakesOne(field) ? texts.front() : Join(texts, "; ");
  const std::string before = reflection->GetString(lead, field);
  if (!before.empty()) {
    if (JoinedBy(field->name()).empty()) return absl::OkStatus();
    text = before + std::string(JoinedBy(field->name())) + text;
  }
  if (!entry.target.refers_to.empty()) {
    SetReference(entry.target, text, &lead);
    return absl::OkStatus();
  }
  if (MaxLength(field) > 0 && !TakesOne(field)) text = text::CutText(std::move(text), MaxLength(field));
  return SetField(entry.target, text, Locale(), &lead);
}

}  // namespace embudo::capture::logic
