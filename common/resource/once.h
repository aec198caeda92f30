#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/sha256.h"
#include "common/db/error.h"
#include "common/db/pool.h"
#include "common/resource/answers.h"
#include "common/resource/change.h"
#include "common/rpc/call_context.h"

namespace embudo::resource {

/// What an answer is kept as, where it is not to be kept as it is.
template <class Response>
struct Kept {
  /// Takes out what must not be kept.
  std::function<void(Response&)> blank;
  /// Puts it back into what was kept, for a repeated call.
  std::function<absl::Status(db::Connection&, Response&)> restore;
};

/// Where answers are kept.
struct OnceRoom {
  std::string schema;  ///< of the table `request`
  db::Pool& pool;
  const Clock& clock;
};

/// Runs a custom method in one transaction of the tenant; a repeated request_id gets the first answer and runs nothing
/// (AIP-155). `body` fills the response, and may run several times.
template <class Response, class Request, class Body>
absl::StatusOr<Response> Once(const OnceRoom& room, const rpc::CallContext& call, const Request& request,
                              const Body& body, const Kept<Response>& kept = {}) {
  Response response;
  const auto transaction = [&](db::Connection& connection) -> absl::Status {
    response.Clear();
    if (request.request_id().empty()) return body(connection, response);
    const AnswerKey key{room.schema, call.tenant(), request.request_id(), HashRequest(call.method, request),
                        call.method};
    EMBUDO_ASSIGN_OR_RETURN(const bool repeated, FindAnswer(connection, key, &response));
    if (repeated) return kept.restore ? kept.restore(connection, response) : absl::OkStatus();
    EMBUDO_RETURN_IF_ERROR(body(connection, response));
    Response stored = response;
    if (kept.blank) kept.blank(stored);
    return KeepAnswer(connection, key, stored, room.clock.Now(), true);
  };
  absl::Status status = db::RunInTx(room.pool, call.tenant(), call.deadline, transaction);
  // Two at the same moment: the other has won, and its answer is there now.
  if (db::ConstraintOf(status) == "request_pkey") {
    status = db::RunInTx(room.pool, call.tenant(), call.deadline, transaction);
  }
  if (!status.ok()) return status;
  return response;
}

/// A secret stands where it signs from, and nowhere else: of the answer its hash is kept, by which a repeated call
/// finds it again among those of `name`, as they are shown. FAILED_PRECONDITION, reason SECRET_REPLACED, if it is gone.
template <class Response>
Kept<Response> WithoutSecret(
    const std::string& name,
    std::function<absl::StatusOr<std::vector<std::string>>(db::Connection& connection)> secrets) {
  return {[](Response& response) { response.set_secret(Sha256Hex(response.secret())); },
          [name, secrets = std::move(secrets)](db::Connection& connection, Response& response) -> absl::Status {
            EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> there, secrets(connection));
            for (const std::string& secret : there) {
              if (Sha256Hex(secret) != response.secret()) continue;
              response.set_secret(secret);
              return absl::OkStatus();
            }
            return Error(absl::StatusCode::kFailedPrecondition, "SECRET_REPLACED",
                         "the secret that this call made has been replaced since")
                .Violation("SECRET", name, "has been rotated since")
                .ToStatus();
          }};
}

}  // namespace embudo::resource
