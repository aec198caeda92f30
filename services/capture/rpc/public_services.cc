#include "services/capture/rpc/public_services.h"

#include <openssl/rand.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/base/error.h"
#include "common/base/resource_id.h"
#include "common/resource/once.h"
#include "embudo/capture/v1/form_service.pb.h"
#include "embudo/capture/v1/hook_service.pb.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"
#include "embudo/pipeline/v1/team_service.pb.h"
#include "services/capture/logic/form_capture.h"
#include "services/capture/logic/hook_capture.h"
#include "services/capture/storage/public_keys.h"

namespace embudo::capture::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using v1::Form;
using v1::Hook;

/// How long a secret is good beside the one that took its place.
constexpr std::chrono::hours kOverlap{24};
constexpr size_t kSecretBytes = 32;
constexpr size_t kMinSecret = 16;
constexpr int kWriteAttempts = 5;

template <class Record, class Request>
absl::Status CheckThere(PublicRoom& room, const CallContext& call, const char* method, const std::string& name,
                        const std::string& field) {
  Request request;
  request.set_name(name);
  const auto found = room.pipeline.Call<Record>(method, call.identity, request);
  const auto code = found.status().code();
  if (code == absl::StatusCode::kNotFound || code == absl::StatusCode::kInvalidArgument) {
    return InvalidField(field, "there is no " + name);
  }
  return found.status();
}

/// Team and tags are the pipeline service's: what is new of them is looked up there, as the caller.
template <class Spec>
absl::Status CheckReferences(PublicRoom& room, const CallContext& call, const Spec& spec, const Spec* before,
                             const std::string& path) {
  if (!spec.team().empty() && (before == nullptr || spec.team() != before->team())) {
    EMBUDO_RETURN_IF_ERROR((CheckThere<type::v1::Team, pipeline::v1::GetTeamRequest>(
        room, call, "embudo.pipeline.v1.TeamService/GetTeam", spec.team(), path + ".team")));
  }
  for (int i = 0; i < spec.tags_size(); ++i) {
    const std::string& tag = spec.tags(i);
    if (before != nullptr && std::count(before->tags().begin(), before->tags().end(), tag) > 0) continue;
    EMBUDO_RETURN_IF_ERROR((CheckThere<type::v1::Tag, pipeline::v1::GetTagRequest>(
        room, call, "embudo.pipeline.v1.CatalogService/GetTag", tag, path + ".tags[" + std::to_string(i) + "]")));
  }
  return absl::OkStatus();
}

template <class Spec>
resource::Rules RulesOf(PublicRoom* room, absl::Status (*prepare)(Spec&), const std::string& path) {
  resource::Rules rules;
  rules.default_order = "create_time";
  rules.prepare = [=](const CallContext& call, Message& after, const Message* before) -> absl::Status {
    auto& spec = static_cast<Spec&>(after);
    if (spec.has_delete_time()) return absl::OkStatus();
    if (spec.key().empty()) spec.set_key(storage::NewPublicKey());
    EMBUDO_RETURN_IF_ERROR(prepare(spec));
    return CheckReferences(*room, call, spec, static_cast<const Spec*>(before), path);
  };
  return rules;
}

template <class Request, class Record>
void BindRotateKey(embudo::rpc::Service& service, const char* method, resource::Resource& resource) {
  service.Unary<Request, Record>(
      method, [&resource](const CallContext& call, const Request& request) -> absl::StatusOr<Record> {
        Record response;
        const auto renew = [](Message& record, resource::Effects&) {
          static_cast<Record&>(record).set_key(storage::NewPublicKey());
          return absl::OkStatus();
        };
        EMBUDO_RETURN_IF_ERROR(resource.Modify(call, request.name(), request.etag(), request,
                                               type::v1::EVENT_TYPE_UNSPECIFIED, renew, response));
        return response;
      });
}

/// One attempt: the secret and the time in the hook's record, together.
absl::Status TryRotateSecret(PublicRoom& room, const CallContext& call, const v1::RotateHookSecretRequest& request,
                             const std::string& secret, v1::RotateHookSecretResponse* response) {
  const Time now = room.clock.Now();
  bool had_one = false;
  Hook after;
  EMBUDO_ASSIGN_OR_RETURN(std::vector<resource::Change> changes,
                          room.hooks.Plan(
                              call, request.name(), "", type::v1::EVENT_TYPE_UNSPECIFIED,
                              [&](Message& record, resource::Effects& effects) {
                                auto& hook = static_cast<Hook&>(record);
                                had_one = hook.has_secret_time();
                                *hook.mutable_secret_time() = ToTimestamp(now);
                                effects.always = true;
                                return absl::OkStatus();
                              },
                              after));
  response->Clear();
  if (request.secret().empty()) response->set_secret(secret);
  if (had_one) *response->mutable_previous_expire_time() = ToTimestamp(now + kOverlap);
  const auto kept =
      resource::WithoutSecret<v1::RotateHookSecretResponse>(request.name(), [&](db::Connection& connection) {
        return storage::HookSecrets(connection, call.tenant(), std::string(IdOf(request.name())));
      });
  auto answer = std::make_shared<v1::RotateHookSecretResponse>(*response);
  if (!answer->secret().empty()) kept.blank(*answer);
  room.hooks.FillRequest(call, request, &changes[0]);
  changes[0].answer = answer;
  EMBUDO_RETURN_IF_ERROR(room.writer.WriteTogether(
      call.tenant(), changes, call.deadline,
      [&](db::Connection& connection) {
        return storage::PutHookSecret(connection, call.tenant(), IdOf(request.name()), secret, now, now + kOverlap)
            .status();
      },
      response));
  // Written now, it bears the secret; of a call before, what was kept.
  if (response->secret().empty() || response->secret() == secret) return absl::OkStatus();
  return db::RunInTx(room.pool, call.tenant(), call.deadline,
                     [&](db::Connection& connection) { return kept.restore(connection, *response); });
}

absl::StatusOr<v1::RotateHookSecretResponse> RotateSecret(PublicRoom& room, const CallContext& call,
                                                          const v1::RotateHookSecretRequest& request) {
  std::string secret = request.secret();
  if (secret.empty()) {
    std::string bytes(kSecretBytes, '\0');
    RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    secret = absl::BytesToHexString(bytes);
  } else if (secret.size() < kMinSecret) {
    return InvalidField("secret", "has less than 16 bytes");
  }
  v1::RotateHookSecretResponse response;
  absl::Status status;
  for (int attempt = 0; attempt < kWriteAttempts; ++attempt) {
    status = TryRotateSecret(room, call, request, secret, &response);
    if (ReasonOf(status) != "VERSION_CHANGED") break;
  }
  if (!status.ok()) return status;
  return response;
}

}  // namespace

PublicRoom::PublicRoom(db::Pool& rpc_pool, embudo::rpc::Client& pipeline_client, const Clock& a_clock,
                       logic::LinkSigner a_signer, std::string uri)
    : pool(rpc_pool),
      pipeline(pipeline_client),
      clock(a_clock),
      signer(std::move(a_signer)),
      public_uri(std::move(uri)),
      writer(pool),
      forms(storage::FormTable(), RulesOf<Form>(this, logic::PrepareForm, "form"), pool, writer, clock),
      hooks(storage::HookTable(), RulesOf<Hook>(this, logic::PrepareHook, "hook"), pool, writer, clock) {}

std::unique_ptr<embudo::rpc::Service> MakeFormService(PublicRoom& room) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetFormRequest::descriptor()->file()->service(0));
  BindRotateKey<v1::RotateFormKeyRequest, Form>(*service, "RotateFormKey", room.forms);
  room.forms.Bind(*service);
  return service;
}

std::unique_ptr<embudo::rpc::Service> MakeHookService(PublicRoom& room) {
  auto service = std::make_unique<embudo::rpc::Service>(v1::GetHookRequest::descriptor()->file()->service(0));
  BindRotateKey<v1::RotateHookKeyRequest, Hook>(*service, "RotateHookKey", room.hooks);
  service->Unary<v1::RotateHookSecretRequest, v1::RotateHookSecretResponse>(
      "RotateHookSecret", [&room](const CallContext& call, const v1::RotateHookSecretRequest& request) {
        return RotateSecret(room, call, request);
      });
  room.hooks.Bind(*service);
  return service;
}

}  // namespace embudo::capture::rpc
