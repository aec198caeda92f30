#include "common/rpc/wire.h"

#include <climits>
#include <utility>

#include "common/base/error.h"

namespace embudo::rpc {
namespace {

// Most bytes of one text in the details, so that one long text does not push all others out.
constexpr size_t kMaxTextBytes = 256;
constexpr size_t kMaxInfoBytes = 1536;
constexpr char kCutKey[] = "details_cut";

/// Cuts at a UTF-8 boundary and leaves a mark. Returns whether it had to.
bool Cut(std::string* text, size_t limit) {
  constexpr std::string_view kMark = "…";
  if (text->size() <= limit) return false;
  size_t end = limit - kMark.size();
  while (end > 0 && (static_cast<unsigned char>((*text)[end]) & 0xc0) == 0x80) --end;
  text->resize(end);
  text->append(kMark);
  return true;
}

bool Cut(google::rpc::ErrorInfo* info) {
  bool cut = false;
  auto& entries = *info->mutable_metadata();
  for (auto& [key, value] : entries) cut |= Cut(&value, kMaxTextBytes);
  while (!entries.empty() && info->ByteSizeLong() > kMaxInfoBytes) {
    entries.erase(entries.begin());
    cut = true;
  }
  return cut;
}

bool CutTexts(google::rpc::BadRequest* bad_request) {
  bool cut = false;
  for (auto& violation : *bad_request->mutable_field_violations()) {
    cut |= Cut(violation.mutable_field(), kMaxTextBytes);
    cut |= Cut(violation.mutable_description(), kMaxTextBytes);
  }
  return cut;
}

bool CutTexts(google::rpc::PreconditionFailure* failure) {
  bool cut = false;
  for (auto& violation : *failure->mutable_violations()) {
    cut |= Cut(violation.mutable_type(), kMaxTextBytes);
    cut |= Cut(violation.mutable_subject(), kMaxTextBytes);
    cut |= Cut(violation.mutable_description(), kMaxTextBytes);
  }
  return cut;
}

/// Packs a list of violations, leaving out the last ones until they fit. Returns whether it had to cut.
template <class Detail, class Violations>
bool PackViolations(Detail detail, Violations* violations, size_t room, google::rpc::Status* out) {
  bool cut = CutTexts(&detail);
  // What the Any around a detail takes: its type URL, tags and lengths.
  constexpr size_t kAnyBytes = 64;
  while (detail.ByteSizeLong() + kAnyBytes > room && !(*violations)(detail)->empty()) {
    (*violations)(detail)->RemoveLast();
    cut = true;
  }
  if (!(*violations)(detail)->empty()) out->add_details()->PackFrom(detail);
  return cut;
}

/// Adds the details other than ErrorInfo as far as they fit. Returns whether something was left out.
bool AddDetails(const google::rpc::Status& from, google::rpc::Status* out) {
  bool cut = false;
  for (const auto& any : from.details()) {
    // ErrorInfo may still get its mark.
    const size_t used = out->ByteSizeLong() + sizeof kCutKey + 16;
    const size_t room = used < kMaxDetailBytes ? kMaxDetailBytes - used : 0;
    google::rpc::BadRequest bad_request;
    google::rpc::PreconditionFailure precondition;
    if (any.Is<google::rpc::ErrorInfo>()) continue;
    if (any.UnpackTo(&bad_request)) {
      auto list = [](google::rpc::BadRequest& detail) { return detail.mutable_field_violations(); };
      cut |= PackViolations(std::move(bad_request), &list, room, out);
    } else if (any.UnpackTo(&precondition)) {
      auto list = [](google::rpc::PreconditionFailure& detail) { return detail.mutable_violations(); };
      cut |= PackViolations(std::move(precondition), &list, room, out);
    } else if (any.ByteSizeLong() + 8 <= room) {
      *out->add_details() = any;
    } else {
      cut = true;
    }
  }
  return cut;
}

google::rpc::ErrorInfo InfoOf(const google::rpc::Status& status) {
  google::rpc::ErrorInfo info;
  for (const auto& any : status.details()) {
    if (any.UnpackTo(&info)) return info;
  }
  info.set_reason(absl::StatusCodeToString(static_cast<absl::StatusCode>(status.code())));
  info.set_domain("embudo.dev");
  return info;
}

google::rpc::Status Masked(const absl::Status& status, std::string_view error_id) {
  google::rpc::Status out;
  out.set_code(static_cast<int>(status.code()));
  out.set_message("internal error " + std::string(error_id));
  google::rpc::ErrorInfo info = InfoOf(out);
  (*info.mutable_metadata())["error_id"] = std::string(error_id);
  out.add_details()->PackFrom(info);
  return out;
}

}  // namespace

bool IsMasked(const absl::Status& status) {
  return status.code() == absl::StatusCode::kInternal || status.code() == absl::StatusCode::kUnknown;
}

grpc::Status ToWire(const absl::Status& status, std::string_view call_id, std::string_view error_id) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status full = IsMasked(status) ? Masked(status, error_id) : ToRpcStatus(status);
  google::rpc::ErrorInfo info = InfoOf(full);
  google::rpc::Status out;
  out.set_code(full.code());
  out.set_message(full.message());
  bool cut = Cut(out.mutable_message(), kMaxMessageBytes);
  cut |= Cut(&info);
  (*info.mutable_metadata())["call_id"] = std::string(call_id);
  out.add_details()->PackFrom(info);
  cut |= AddDetails(full, &out);
  if (cut) {
    (*info.mutable_metadata())[kCutKey] = "true";
    out.mutable_details(0)->PackFrom(info);
  }
  return grpc::Status(static_cast<grpc::StatusCode>(out.code()), out.message(), out.SerializeAsString());
}

absl::Status FromWire(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details()) || details.code() != status.error_code()) details.Clear();
  details.set_code(status.error_code());
  details.set_message(status.error_message());
  return FromRpcStatus(details);
}

bool ParseBytes(const grpc::ByteBuffer& bytes, google::protobuf::Message* message) {
  grpc::Slice slice;
  if (!bytes.TrySingleSlice(&slice).ok() && !bytes.DumpToSingleSlice(&slice).ok()) return false;
  return slice.size() <= INT_MAX && message->ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
}

grpc::ByteBuffer ToBytes(const google::protobuf::Message& message) {
  grpc::Slice slice(message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(const_cast<uint8_t*>(slice.begin()));
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace embudo::rpc
