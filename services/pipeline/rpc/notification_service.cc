#include "common/base/error.h"
#include "common/db/error.h"
#include "common/resource/answers.h"
#include "embudo/pipeline/v1/notification_service.pb.h"
#include "services/pipeline/rpc/services.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using type::v1::Notification;

constexpr char kType[] = "embudo.dev/Notification";
constexpr std::string_view kMe = "users/me";

constexpr char kMark[] =
    "UPDATE pipeline.notification SET read_time = $3, update_time = $3, revision = revision + 1, version = version + 1"
    " WHERE tenant_id = $1 AND user_id = $2 AND read_time IS NULL AND ($4::uuid[] IS NULL OR notification_id = "
    "ANY($4))";
constexpr char kFind[] =
    "SELECT notification_id, read_time IS NULL FROM pipeline.notification"
    " WHERE tenant_id = $1 AND user_id = $2 AND notification_id = ANY($3::uuid[])";
constexpr char kCountUnread[] =
    "SELECT count(*) FROM pipeline.notification WHERE tenant_id = $1 AND user_id = $2 AND read_time IS NULL";

// `users/me`, alone or before a notification, as the caller's own name. What is another user's is not there.
absl::StatusOr<std::string> OfCaller(const CallContext& call, const std::string& name) {
  const std::string& actor = call.identity.actor;
  const size_t end = std::min(name.find('/', name.find('/') + 1), name.size());
  const bool own = actor.starts_with("users/") && (name.substr(0, end) == kMe || name.substr(0, end) == actor);
  if (!own) return NotFound(kType, end < name.size() ? name : name + "/notifications");
  return actor + name.substr(end);
}

// The request with a field of it resolved.
template <class Request>
absl::StatusOr<Request> Resolved(const CallContext& call, const Request& request, const char* field) {
  Request resolved = request;
  EMBUDO_ASSIGN_OR_RETURN(const std::string name, OfCaller(call, resource::GetText(request, field)));
  resource::SetText(&resolved, field, name);
  return resolved;
}

absl::Status Get(Records& records, const CallContext& call, const v1::GetNotificationRequest& request,
                 Notification& response) {
  EMBUDO_RETURN_IF_ERROR(ParseName(records.notifications().table().pattern(), request.name(), "name").status());
  EMBUDO_ASSIGN_OR_RETURN(const auto own, Resolved(call, request, "name"));
  return records.notifications().Get(call, own, response);
}

absl::Status List(Records& records, const CallContext& call, const v1::ListNotificationsRequest& request,
                  v1::ListNotificationsResponse& response) {
  static const ResourcePattern kUser("users/{user}");
  EMBUDO_RETURN_IF_ERROR(ParseName(kUser, request.parent(), "parent").status());
  EMBUDO_ASSIGN_OR_RETURN(const auto own, Resolved(call, request, "parent"));
  return records.notifications().List(call, own, response);
}

/// Marks what a request names, once.
class Marking {
 public:
  Marking(Records& records, const CallContext& call, const v1::MarkNotificationsReadRequest& request)
      : records_(records), call_(call), request_(request), key_(KeyOf(records, call, request)) {}

  absl::StatusOr<v1::MarkNotificationsReadResponse> Run() {
    EMBUDO_RETURN_IF_ERROR(FindNames());
    v1::MarkNotificationsReadResponse response;
    if (!key_.request_id.empty()) {
      EMBUDO_ASSIGN_OR_RETURN(const bool found,
                              records_.writer().FindAnswer(call_.tenant(), key_, &response, call_.deadline));
      if (found) return response;
    }
    absl::Status status = db::RunInTx(records_.pool(), call_.tenant(), call_.deadline,
                                      [&](db::Connection& connection) { return Mark(connection, response); });
    // A repeat at the same moment has won.
    if (status.code() == absl::StatusCode::kAlreadyExists) {
      status = records_.notifications().FirstAnswerOr(call_, request_, status, response);
    }
    if (!status.ok()) return status;
    return response;
  }

 private:
  static resource::Change KeyOf(Records& records, const CallContext& call, const Message& request) {
    resource::Change key;
    key.table = &records.notifications().table();
    records.notifications().FillRequest(call, request, &key);
    return key;
  }

  absl::Status FindNames() {
    static const ResourcePattern kUser("users/{user}");
    EMBUDO_RETURN_IF_ERROR(ParseName(kUser, request_.parent(), "parent").status());
    EMBUDO_ASSIGN_OR_RETURN(const std::string user, OfCaller(call_, request_.parent()));
    user_id_ = user.substr(user.find('/') + 1);
    for (int i = 0; i < request_.names_size(); ++i) {
      const std::string& name = request_.names(i);
      const std::string field = "names[" + std::to_string(i) + "]";
      EMBUDO_ASSIGN_OR_RETURN(const auto ids, ParseName(records_.notifications().table().pattern(), name, field));
      EMBUDO_RETURN_IF_ERROR(OfCaller(call_, name).status());
      const auto id = Uuid::Parse(ids.back());
      if (!id) return NotFound(kType, name);
      ids_.insert(id->ToString());
    }
    return absl::OkStatus();
  }

  // How many of those that are meant are unread; all of them must be there.
  absl::StatusOr<int64_t> CountUnread(db::Connection& connection) const {
    if (request_.names_size() == 0) {
      EMBUDO_ASSIGN_OR_RETURN(const db::Result count,
                              connection.Exec(kCountUnread, db::Params::Of(call_.tenant(), user_id_)));
      return count[0].Int(0);
    }
    EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                            connection.Exec(kFind, db::Params::Of(call_.tenant(), user_id_, ids())));
    int64_t unread = 0;
    std::set<std::string> missing = ids_;
    for (int i = 0; i < rows.size(); ++i) {
      missing.erase(std::string(rows[i].Text(0)));
      unread += rows[i].Bool(1) ? 1 : 0;
    }
    if (missing.empty()) return unread;
    return NotFound(kType, "users/" + user_id_ + "/notifications/" + *missing.begin());
  }

  absl::Status Mark(db::Connection& connection, v1::MarkNotificationsReadResponse& response) const {
    EMBUDO_ASSIGN_OR_RETURN(const int64_t unread, CountUnread(connection));
    response.set_marked_count(static_cast<int>(unread));
    if (request_.validate_only()) return absl::OkStatus();
    const Time now = records_.clock().Now();
    db::Params params = db::Params::Of(call_.tenant(), user_id_, now);
    request_.names_size() == 0 ? params.Add(std::nullopt) : params.Add(ids());
    EMBUDO_ASSIGN_OR_RETURN(const db::Result marked, connection.Exec(kMark, params));
    response.set_marked_count(static_cast<int>(marked.affected()));
    if (key_.request_id.empty()) return absl::OkStatus();
    return resource::KeepAnswer(
        connection, {"pipeline", call_.tenant(), key_.request_id, key_.request_hash, key_.method}, response, now, true);
  }

  std::vector<std::string> ids() const { return {ids_.begin(), ids_.end()}; }

  Records& records_;
  const CallContext& call_;
  const v1::MarkNotificationsReadRequest& request_;
  const resource::Change key_;
  std::string user_id_;
  std::set<std::string> ids_;
};

absl::StatusOr<std::vector<resource::Change>> ChangesOf(Records& records, const CallContext& call,
                                                        const v1::NotifyUsersRequest& request) {
  if (request.users().empty() && !request.owner()) return InvalidField("users", "or owner is required");
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, records.leads().Load(call, request.lead()));
  EMBUDO_ASSIGN_OR_RETURN(const auto catalog, records.catalogs().Get(call.tenant(), call.deadline));
  for (int i = 0; i < request.users_size(); ++i) {
    if (catalog->users.contains(request.users(i))) continue;
    return InvalidField("users[" + std::to_string(i) + "]", "there is no " + request.users(i));
  }
  std::set<std::string> users(request.users().begin(), request.users().end());
  if (request.owner()) users.insert(static_cast<const type::v1::Lead&>(*record.message).owner());
  std::vector<resource::Change> changes;
  EMBUDO_RETURN_IF_ERROR(
      records.Notify(call, users, Notification::KIND_RULE, request.lead(), request.lead(), request.text(), &changes));
  return changes;
}

absl::Status NotifyUsers(Records& records, const CallContext& call, const v1::NotifyUsersRequest& request,
                         v1::NotifyUsersResponse& response) {
  auto changes = ChangesOf(records, call, request);
  if (!changes.ok()) return records.notifications().FirstAnswerOr(call, request, changes.status(), response);
  for (const resource::Change& change : *changes) {
    *response.add_notifications() = static_cast<const Notification&>(*change.after.message);
  }
  if (request.validate_only() || changes->empty()) return absl::OkStatus();
  records.notifications().FillRequest(call, request, &changes->front());
  changes->front().answer = std::make_shared<v1::NotifyUsersResponse>(response);
  const auto written = records.writer().WriteBundle(call.tenant(), *std::move(changes), call.deadline);
  if (!written.ok()) return records.notifications().FirstAnswerOr(call, request, written.status(), response);
  if (written->replayed != nullptr) response.CopyFrom(*written->replayed);
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<embudo::rpc::Service> MakeNotificationService(Records& records) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetNotificationRequest::descriptor()->file()->service(0));
  const auto serve = [&]<class Request, class Response>(
                         const char* method,
                         absl::Status (*handler)(Records&, const CallContext&, const Request&, Response&)) {
    service->UnaryAny(method, [&records, handler](const CallContext& call, const Message& request, Message& response) {
      return handler(records, call, static_cast<const Request&>(request), static_cast<Response&>(response));
    });
  };
  serve("GetNotification", Get);
  serve("ListNotifications", List);
  serve("NotifyUsers", NotifyUsers);
  service->Unary<v1::MarkNotificationsReadRequest, v1::MarkNotificationsReadResponse>(
      "MarkNotificationsRead", [&records](const CallContext& call, const v1::MarkNotificationsReadRequest& request) {
        return Marking(records, call, request).Run();
      });
  return service;
}

}  // namespace embudo::pipeline::rpc
