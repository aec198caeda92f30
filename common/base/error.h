#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace embudo {

/// Builds an error the way AIP-193 wants it: a canonical code, one ErrorInfo with a stable reason, and at most one each
/// of BadRequest, PreconditionFailure, ResourceInfo and RetryInfo. It converts to absl::Status, which carries the
/// details as one payload (a google.rpc.Status) up to the RPC adapter, the only place that puts them on the wire.
class Error {
 public:
  /// `reason` is UPPER_SNAKE, at most 63 characters, and part of the API.
  Error(absl::StatusCode code, std::string_view reason, std::string_view message);

  /// Every dynamic part of the message also goes here, so that clients need not parse text.
  Error& Meta(std::string_view key, std::string_view value);
  /// A wrong field of the request, by its path from the request message (`lead.email`).
  Error& Field(std::string_view path, std::string_view description);
  /// A precondition that does not hold (an exit criterion).
  Error& Violation(std::string_view type, std::string_view subject, std::string_view description);
  /// The record that the error is about.
  Error& Resource(std::string_view type, std::string_view name);
  Error& RetryAfter(std::chrono::milliseconds delay);

  absl::Status ToStatus() const;
  operator absl::Status() const { return ToStatus(); }  // NOLINT(google-explicit-constructor): made to be returned
  template <class T>
  operator absl::StatusOr<T>() const {  // NOLINT(google-explicit-constructor)
    return ToStatus();
  }

 private:
  absl::StatusCode code_;
  std::string message_;
  google::rpc::ErrorInfo info_;
  google::rpc::BadRequest bad_request_;
  google::rpc::PreconditionFailure precondition_;
  google::rpc::ResourceInfo resource_;
  google::rpc::RetryInfo retry_;
};

/// INVALID_ARGUMENT, reason INVALID_FIELD: one wrong field.
absl::Status InvalidField(std::string_view path, std::string_view description);
/// NOT_FOUND, reason RESOURCE_NOT_FOUND. Also the answer for another tenant's record.
absl::Status NotFound(std::string_view type, std::string_view name);
/// ALREADY_EXISTS, reason RESOURCE_EXISTS.
absl::Status AlreadyExists(std::string_view type, std::string_view name);
/// ABORTED, reason STALE_ETAG.
absl::Status StaleEtag(std::string_view name);
/// INTERNAL, reason INTERNAL: a broken invariant. `what` is logged by the adapter and never shown.
absl::Status Internal(std::string_view what);

/// The details that a status carries; code and message are filled from the status itself.
google::rpc::Status ToRpcStatus(const absl::Status& status);
/// The inverse, for clients.
absl::Status FromRpcStatus(const google::rpc::Status& status);
/// The ErrorInfo reason of a status, empty if it has none.
std::string ReasonOf(const absl::Status& status);

/// The status's message as std::string (Abseil's string_view is its own type in Debian).
inline std::string MessageOf(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

}  // namespace embudo

/// Returns from the function if the expression, a Status, is not OK.
#define EMBUDO_RETURN_IF_ERROR(expression)                    \
  do {                                                        \
    if (absl::Status status_ = (expression); !status_.ok()) { \
      return status_;                                         \
    }                                                         \
  } while (false)

#define EMBUDO_CONCAT_INNER(a, b) a##b
#define EMBUDO_CONCAT(a, b) EMBUDO_CONCAT_INNER(a, b)
#define EMBUDO_ASSIGN_OR_RETURN_INNER(result, target, expression) \
  auto result = (expression);                                     \
  if (!result.ok()) {                                             \
    return result.status();                                       \
  }                                                               \
  target = std::move(result).value()
/// Assigns the value of a StatusOr, or returns its status from the function.
#define EMBUDO_ASSIGN_OR_RETURN(target, expression) \
  EMBUDO_ASSIGN_OR_RETURN_INNER(EMBUDO_CONCAT(result_, __LINE__), target, expression)
