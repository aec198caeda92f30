#include "common/resource/mask.h"

#include <google/protobuf/util/field_mask_util.h>

#include <algorithm>
#include <memory>

#include "common/base/error.h"
#include "common/resource/table.h"
#include "embudo/type/v1/options.pb.h"

namespace embudo::resource {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

bool HasBehavior(const FieldDescriptor* field, google::api::FieldBehavior behavior) {
  const auto& behaviors = field->options().GetRepeatedExtension(google::api::field_behavior);
  return std::find(behaviors.begin(), behaviors.end(), behavior) != behaviors.end();
}

void ClearOutputOnly(Message* record) {
  const auto* descriptor = record->GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    if (HasBehavior(descriptor->field(i), google::api::OUTPUT_ONLY)) {
      record->GetReflection()->ClearField(record, descriptor->field(i));
    }
  }
}

google::protobuf::FieldMask MaskOf(const Message& request, const Message& body) {
  google::protobuf::FieldMask mask;
  const FieldDescriptor* field = request.GetDescriptor()->FindFieldByName("update_mask");
  if (field != nullptr && request.GetReflection()->HasField(request, field)) {
    mask = static_cast<const google::protobuf::FieldMask&>(request.GetReflection()->GetMessage(request, field));
  }
  if (mask.paths_size() > 0) return mask;
  std::vector<const FieldDescriptor*> set;
  body.GetReflection()->ListFields(body, &set);
  for (const FieldDescriptor* path : set) mask.add_paths(path->name());
  return mask;
}

absl::Status ApplyMask(const google::protobuf::FieldMask& mask, const Message& body, const std::string& field,
                       Message* record) {
  const auto* descriptor = record->GetDescriptor();
  for (const std::string& path : mask.paths()) {
    if (path == "*") {
      for (int i = 0; i < descriptor->field_count(); ++i) {
        google::protobuf::FieldMask one;
        if (HasBehavior(descriptor->field(i), google::api::IMMUTABLE)) continue;
        one.add_paths(descriptor->field(i)->name());
        EMBUDO_RETURN_IF_ERROR(ApplyMask(one, body, field, record));
      }
      continue;
    }
    const std::string top = path.substr(0, path.find('.'));
    const FieldDescriptor* target = descriptor->FindFieldByName(top);
    if (target == nullptr) return InvalidField("update_mask", "\"" + path + "\" is no field of " + field);
    if (top == "name" || top == "etag" || HasBehavior(target, google::api::OUTPUT_ONLY)) continue;
    if (HasBehavior(target, google::api::IMMUTABLE)) {
      return InvalidField("update_mask", "\"" + path + "\" can't be changed by an update");
    }
    if (target->is_map() && path.size() > top.size()) {
      // One key of a map: set it, or take it away where the body has none.
      const std::string key = path.substr(top.size() + 1);
      std::unique_ptr<Message> merged(record->New());
      const auto copy = [&](const Message& from, bool wanted) {
        for (int i = 0; i < from.GetReflection()->FieldSize(from, target); ++i) {
          const Message& entry = from.GetReflection()->GetRepeatedMessage(from, target, i);
          if ((GetText(entry, "key") == key) == wanted) {
            merged->GetReflection()->AddMessage(merged.get(), target)->CopyFrom(entry);
          }
        }
      };
      copy(*record, false);
      copy(body, true);
      record->GetReflection()->ClearField(record, target);
      record->MergeFrom(*merged);
      continue;
    }
    record->GetReflection()->ClearField(record, target);
    std::unique_ptr<Message> only(body.New());
    google::protobuf::FieldMask one;
    one.add_paths(top);
    google::protobuf::util::FieldMaskUtil::MergeOptions options;
    options.set_replace_message_fields(true);
    options.set_replace_repeated_fields(true);
    google::protobuf::util::FieldMaskUtil::MergeMessageTo(body, one, options, record);
  }
  return absl::OkStatus();
}

absl::StatusOr<ReadMask> ReadMask::Of(const Message& request, const google::protobuf::Descriptor* record) {
  ReadMask mask;
  const FieldDescriptor* field = request.GetDescriptor()->FindFieldByName("read_mask");
  if (field == nullptr) return mask;
  const auto& paths =
      static_cast<const google::protobuf::FieldMask&>(request.GetReflection()->GetMessage(request, field));
  for (const std::string& path : paths.paths()) {
    if (path == "*") return ReadMask();
    const FieldDescriptor* named = record->FindFieldByName(path.substr(0, path.find('.')));
    if (named == nullptr) return InvalidField("read_mask", "\"" + path + "\" is no field of " + record->name());
    mask.fields_.insert(named->name());
    mask.derived_ = mask.derived_ || named->options().GetExtension(type::v1::rules).derived();
  }
  for (int i = 0; i < record->field_count() && !mask.fields_.empty(); ++i) {
    const std::string& name = record->field(i)->name();
    if (name != "name" && name != "etag" && !mask.fields_.contains(name)) mask.others_.push_back(record->field(i));
  }
  return mask;
}

std::set<std::string> ReadMask::Reads(const std::vector<std::string>& always,
                                      const std::vector<std::string>& derived_from) const {
  if (fields_.empty()) return {};
  std::set<std::string> reads = fields_;
  reads.insert(always.begin(), always.end());
  if (derived_) reads.insert(derived_from.begin(), derived_from.end());
  return reads;
}

void ReadMask::Apply(Message& record) const {
  const google::protobuf::Reflection& reflection = *record.GetReflection();
  for (const FieldDescriptor* field : others_) reflection.ClearField(&record, field);
}

}  // namespace embudo::resource
