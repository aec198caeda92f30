#pragma once

#include <string>

#include "common/base/error.h"
#include "common/db/error.h"
#include "common/resource/change.h"
#include "services/pipeline/events/event_room.h"

namespace embudo::pipeline::events {

/// Runs a custom method in one transaction of the tenant; a repeated request_id gets the first answer and runs nothing
/// (AIP-155). `body` fills the response, and may run several times.
template <class Response, class Request, class Body>
absl::StatusOr<Response> Once(const EventRoom& room, const rpc::CallContext& call, const Request& request,
                              const Body& body) {
  static constexpr char kFind[] =
      "SELECT body_hash, response FROM pipeline.request WHERE tenant_id = $1 AND request_id = $2::uuid";
  static constexpr char kKeep[] =
      "INSERT INTO pipeline.request (tenant_id, request_id, method, body_hash, response, create_time)"
      " VALUES ($1, $2::uuid, $3, $4, $5, $6)";
  Response response;
  const auto transaction = [&](db::Connection& connection) -> absl::Status {
    response.Clear();
    if (request.request_id().empty()) return body(connection, response);
    const std::string hash = resource::HashRequest(call.method, request);
    EMBUDO_ASSIGN_OR_RETURN(const db::Result kept,
                            connection.Exec(kFind, db::Params::Of(call.tenant(), request.request_id())));
    if (!kept.empty()) {
      if (kept[0].Bytes(0) != hash) {
        return Error(absl::StatusCode::kInvalidArgument, "REQUEST_ID_REUSED",
                     "request_id: this id was used for another request within the last 24 hours")
            .Field("request_id", "was used for another request");
      }
      return response.ParseFromString(kept[0].Bytes(1)) ? absl::OkStatus() : Internal("a stored answer");
    }
    EMBUDO_RETURN_IF_ERROR(body(connection, response));
    return connection
        .Exec(kKeep, db::Params::Of(call.tenant(), request.request_id(), call.method)
                         .AddBytes(hash)
                         .AddBytes(response.SerializeAsString())
                         .Add(room.clock.Now()))
        .status();
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
