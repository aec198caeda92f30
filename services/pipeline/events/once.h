#pragma once

#include <functional>
#include <string>

#include "common/base/error.h"
#include "common/db/error.h"
#include "common/resource/answers.h"
#include "common/resource/change.h"
#include "services/pipeline/events/event_room.h"

namespace embudo::pipeline::events {

/// What an answer is kept as, where it is not to be kept as it is.
template <class Response>
struct Kept {
  /// Takes out what must not be kept.
  std::function<void(Response&)> blank;
  /// Puts it back into what was kept, for a repeated call.
  std::function<absl::Status(db::Connection&, Response&)> restore;
};

/// Runs a custom method in one transaction of the tenant; a repeated request_id gets the first answer and runs nothing
/// (AIP-155). `body` fills the response, and may run several times.
template <class Response, class Request, class Body>
absl::StatusOr<Response> Once(const EventRoom& room, const rpc::CallContext& call, const Request& request,
                              const Body& body, const Kept<Response>& kept = {}) {
  Response response;
  const auto transaction = [&](db::Connection& connection) -> absl::Status {
    response.Clear();
    if (request.request_id().empty()) return body(connection, response);
    const resource::AnswerKey key{"pipeline", call.tenant(), request.request_id(),
                                  resource::HashRequest(call.method, request), call.method};
    EMBUDO_ASSIGN_OR_RETURN(const bool repeated, resource::FindAnswer(connection, key, &response));
    if (repeated) return kept.restore ? kept.restore(connection, response) : absl::OkStatus();
    EMBUDO_RETURN_IF_ERROR(body(connection, response));
    Response stored = response;
    if (kept.blank) kept.blank(stored);
    return resource::KeepAnswer(connection, key, stored, room.clock.Now(), true);
  };
  absl::Status status = db::RunInTx(room.pool, call.tenant(), call.deadline, transaction);
  // Two at the same moment: the other has won, and its answer is there now.
  if (db::ConstraintOf(status) == "request_pkey") {
    status = db::RunInTx(room.pool, call.tenant(), call.deadline, transaction);
  }
  if (!status.ok()) return status;
  return response;
}

}  // namespace embudo::pipeline::events
