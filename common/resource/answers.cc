#include "common/resource/answers.h"

#include "common/base/error.h"

namespace embudo::resource {

absl::StatusOr<bool> FindAnswer(db::Connection& connection, const AnswerKey& key, google::protobuf::Message* answer) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec("SELECT body_hash, response FROM " + key.schema +
                                              ".request WHERE tenant_id = $1 AND request_id = $2::uuid",
                                          db::Params::Of(key.tenant, key.request_id)));
  if (rows.empty()) return false;
  if (rows[0].Bytes(0) != key.hash) {
    return Error(absl::StatusCode::kInvalidArgument, "REQUEST_ID_REUSED",
                 "request_id: this id was used for another request within the last 24 hours")
        .Field("request_id", "was used for another request")
        .ToStatus();
  }
  if (!answer->ParseFromString(rows[0].Bytes(1))) return Internal("a stored answer that can't be parsed");
  return true;
}

absl::Status KeepAnswer(db::Connection& connection, const AnswerKey& key, const google::protobuf::Message& answer,
                        Time now, bool alone) {
  return connection
      .Exec("INSERT INTO " + key.schema +
                ".request (tenant_id, request_id, method, body_hash, response, create_time)"
                " VALUES ($1, $2::uuid, $3, $4, $5, $6)" +
                (alone ? "" : " ON CONFLICT DO NOTHING"),
            db::Params::Of(key.tenant, key.request_id, key.method)
                .AddBytes(key.hash)
                .AddBytes(answer.SerializeAsString())
                .Add(now))
      .status();
}

}  // namespace embudo::resource
