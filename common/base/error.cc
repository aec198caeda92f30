#include "common/base/error.h"

#include <google/protobuf/stubs/common.h>

#include <utility>

namespace embudo {
namespace {

constexpr char kDomain[] = "embudo.dev";
constexpr char kPayloadUrl[] = "type.googleapis.com/google.rpc.Status";
// More violations than these would burst the 8 KiB that HTTP/2 metadata gives to error details.
constexpr int kMaxViolations = 20;

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

/// An error may quote what was sent, and what was sent over HTTP or as a mail may be no text; in details, bytes that
/// are no UTF-8 stand as question marks.
std::string Quotable(std::string_view text) {
  std::string out(text);
  google::protobuf::internal::UTF8CoerceToStructurallyValid({text.data(), text.size()}, out.data(), '?');
  return out;
}

}  // namespace

Error::Error(absl::StatusCode code, std::string_view reason, std::string_view message)
    : code_(code), message_(Quotable(message)) {
  info_.set_reason(std::string(reason));
  info_.set_domain(kDomain);
}

Error& Error::Meta(std::string_view key, std::string_view value) {
  (*info_.mutable_metadata())[Quotable(key)] = Quotable(value);
  return *this;
}

Error& Error::Field(std::string_view path, std::string_view description) {
  if (bad_request_.field_violations_size() < kMaxViolations) {
    auto* violation = bad_request_.add_field_violations();
    violation->set_field(Quotable(path));
    violation->set_description(Quotable(description));
  }
  return *this;
}

Error& Error::Violation(std::string_view type, std::string_view subject, std::string_view description) {
  if (precondition_.violations_size() < kMaxViolations) {
    auto* violation = precondition_.add_violations();
    violation->set_type(std::string(type));
    violation->set_subject(Quotable(subject));
    violation->set_description(Quotable(description));
  }
  return *this;
}

Error& Error::Resource(std::string_view type, std::string_view name) {
  resource_.set_resource_type(std::string(type));
  resource_.set_resource_name(Quotable(name));
  return *this;
}

Error& Error::RetryAfter(std::chrono::milliseconds delay) {
  retry_.mutable_retry_delay()->set_seconds(delay.count() / 1000);
  retry_.mutable_retry_delay()->set_nanos(static_cast<int>(delay.count() % 1000) * 1000000);
  return *this;
}

absl::Status Error::ToStatus() const {
  google::rpc::Status details;
  details.add_details()->PackFrom(info_);
  if (bad_request_.field_violations_size() > 0) details.add_details()->PackFrom(bad_request_);
  if (precondition_.violations_size() > 0) details.add_details()->PackFrom(precondition_);
  if (!resource_.resource_type().empty()) details.add_details()->PackFrom(resource_);
  if (retry_.has_retry_delay()) details.add_details()->PackFrom(retry_);
  absl::Status status(code_, View(message_));
  status.SetPayload(kPayloadUrl, absl::Cord(details.SerializeAsString()));
  return status;
}

absl::Status InvalidField(std::string_view path, std::string_view description) {
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", std::string(path) + ": " + std::string(description))
      .Field(path, description);
}

absl::Status NotFound(std::string_view type, std::string_view name) {
  return Error(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND", "there is no " + std::string(name))
      .Meta("resource", name)
      .Resource(type, name);
}

absl::Status AlreadyExists(std::string_view type, std::string_view name) {
  return Error(absl::StatusCode::kAlreadyExists, "RESOURCE_EXISTS", std::string(name) + " exists already")
      .Meta("resource", name)
      .Resource(type, name);
}

absl::Status StaleEtag(std::string_view name) {
  return Error(absl::StatusCode::kAborted, "STALE_ETAG", std::string(name) + " has changed since it was read")
      .Meta("resource", name);
}

absl::Status Internal(std::string_view what) { return Error(absl::StatusCode::kInternal, "INTERNAL", what); }

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  google::rpc::Status out;
  if (auto payload = status.GetPayload(kPayloadUrl)) out.ParseFromString(std::string(*payload));
  out.set_code(static_cast<int>(status.code()));
  out.set_message(MessageOf(status));
  return out;
}

absl::Status FromRpcStatus(const google::rpc::Status& status) {
  absl::Status out(static_cast<absl::StatusCode>(status.code()), View(status.message()));
  if (!out.ok() && status.details_size() > 0) {
    out.SetPayload(kPayloadUrl, absl::Cord(status.SerializeAsString()));
  }
  return out;
}

std::string ReasonOf(const absl::Status& status) {
  const google::rpc::Status details = ToRpcStatus(status);
  google::rpc::ErrorInfo info;
  for (const auto& detail : details.details()) {
    if (detail.UnpackTo(&info)) return info.reason();
  }
  return "";
}

}  // namespace embudo
