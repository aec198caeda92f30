#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/db/connection.h"
#include "google/protobuf/message.h"

namespace embudo::resource {

/// Under which the answer to a call that bore a request_id is kept for 24 hours (AIP-155).
struct AnswerKey {
  std::string schema;  ///< of the table `request`
  std::string tenant;
  std::string request_id;
  std::string hash;  ///< HashRequest
  std::string method;
};

/// The answer that was kept, into `answer`; false if there is none. INVALID_ARGUMENT, reason REQUEST_ID_REUSED, if it
/// was for another request.
absl::StatusOr<bool> FindAnswer(db::Connection& connection, const AnswerKey& key, google::protobuf::Message* answer);
/// Keeps an answer. One that is there already stays, or, if `alone`, is an error of the constraint `request_pkey`.
absl::Status KeepAnswer(db::Connection& connection, const AnswerKey& key, const google::protobuf::Message& answer,
                        Time now, bool alone);

}  // namespace embudo::resource
