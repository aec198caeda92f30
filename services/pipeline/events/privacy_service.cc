#include "services/pipeline/events/privacy_service.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/resource_id.h"
#include "common/base/resource_name.h"
#include "common/text/email.h"
#include "embudo/pipeline/v1/privacy_service.pb.h"
#include "embudo/type/v1/contact.pb.h"
#include "services/pipeline/events/once.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::events {
namespace {

using rpc::CallContext;
using storage::PersonRecords;

/// What is left of a call's time when it answers without having seen the end.
constexpr std::chrono::milliseconds kMargin{500};

absl::Status CheckIsPerson(db::Connection& connection, const CallContext& call, const std::string& contact) {
  if (contact.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      connection.Exec("SELECT kind FROM pipeline.contact WHERE tenant_id = $1 AND contact_id = $2::uuid",
                      db::Params::Of(call.tenant(), contact)));
  if (rows.empty()) return NotFound("embudo.dev/Contact", "contacts/" + contact);
  return rows[0].Text(0) == "PERSON" ? absl::OkStatus() : InvalidField("contact", "is a company, not a person");
}

/// What the transaction of ErasePerson finds, and does unless it only validates.
absl::Status Erase(const PrivacyRoom& room, const CallContext& call, const v1::ErasePersonRequest& request,
                   const PersonQuery& query, db::Connection& connection, v1::ErasePersonResponse& response) {
  EMBUDO_RETURN_IF_ERROR(CheckIsPerson(connection, call, query.contact));
  EMBUDO_ASSIGN_OR_RETURN(const PersonRecords person,
                          storage::FindPerson(connection, call.tenant(), query.contact, query.email));
  if (person.empty()) return NotFound("embudo.dev/Contact", query.email);
  EMBUDO_ASSIGN_OR_RETURN(const auto counts,
                          storage::CountPerson(connection, call.tenant(), person, request.erase_contracts()));
  for (const storage::RecordCount& one : counts) {
    v1::RecordCount& count = *response.add_counts();
    count.set_resource_type(one.kind);
    count.set_count(one.count);
  }
  if (!request.erase_contracts()) {
    EMBUDO_ASSIGN_OR_RETURN(const auto kept, storage::ContractsOf(connection, call.tenant(), person));
    for (const std::string& name : kept) response.add_kept_contracts(name);
  }
  type::v1::Erasure& erasure = *response.mutable_erasure();
  if (!person.contacts.empty()) {
    // Of merged ones the one that was asked for.
    const bool asked = std::count(person.contacts.begin(), person.contacts.end(), query.contact) > 0;
    erasure.set_contact("contacts/" + (asked ? query.contact : person.contacts.front()));
  }
  for (const std::string& lead : person.leads) erasure.add_leads("leads/" + lead);
  erasure.set_reason(request.reason());
  if (request.validate_only()) return absl::OkStatus();

  const Time now = room.events.clock.Now();
  const std::string id = Uuid::V7(now).ToString();
  erasure.set_name("erasures/" + id);
  EMBUDO_ASSIGN_OR_RETURN(const int64_t erased,
                          storage::EraseRecords(connection, call.tenant(), person, request.erase_contracts(), now));
  erasure.set_records_erased(erased);
  const auto contact = erasure.contact().empty() ? std::nullopt : std::optional<std::string>(IdOf(erasure.contact()));
  EMBUDO_RETURN_IF_ERROR(
      connection
          .Exec("INSERT INTO pipeline.erasure (tenant_id, erasure_id, contact_id, leads, reason, events_rewritten,"
                " records_erased, revision, version) VALUES ($1, $2, $3::uuid, $4::text[], $5, 0, $6, 1, 1)",
                db::Params::Of(call.tenant(), id).Add(contact).Add(person.leads).Add(request.reason()).Add(erased))
          .status());
  EMBUDO_RETURN_IF_ERROR(storage::Suppress(connection, call.tenant(), id, person.addresses, now));
  const privacy::Person names = person.ToPerson();
  return storage::AddJob(connection,
                         {.tenant = call.tenant(),
                          .erasure = id,
                          .actor = call.identity.actor,
                          .names = {names.names.begin(), names.names.end()},
                          .addresses = person.addresses},
                         now);
}

}  // namespace

absl::StatusOr<v1::ErasePersonResponse> ErasePerson(const PrivacyRoom& room, const CallContext& call,
                                                    const v1::ErasePersonRequest& request) {
  EMBUDO_ASSIGN_OR_RETURN(const PersonQuery query, QueryOf(request.contact(), request.email()));
  const auto body = [&](db::Connection& connection, v1::ErasePersonResponse& response) {
    return Erase(room, call, request, query, connection, response);
  };
  if (request.validate_only()) {
    v1::ErasePersonResponse response;
    EMBUDO_RETURN_IF_ERROR(db::RunInTx(room.events.pool, call.tenant(), call.deadline, [&](db::Connection& connection) {
      response.Clear();
      return body(connection, response);
    }));
    return response;
  }
  EMBUDO_ASSIGN_OR_RETURN(v1::ErasePersonResponse response,
                          Once<v1::ErasePersonResponse>(room.events, call, request, body));
  const std::string name = response.erasure().name();
  response.set_done(room.eraser.Wait(call.tenant(), IdOf(name), call.deadline - kMargin));
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, room.erasures.Load(call, name));
  response.mutable_erasure()->CopyFrom(*record.message);
  return response;
}

absl::StatusOr<PersonQuery> QueryOf(const std::string& contact, const std::string& email) {
  if (contact.empty() && email.empty()) return InvalidField("contact", "or email must be given");
  PersonQuery query;
  if (!contact.empty()) {
    static const ResourcePattern pattern("contacts/{contact}");
    EMBUDO_ASSIGN_OR_RETURN(const std::vector<std::string> ids, ParseName(pattern, contact, "contact"));
    const auto id = Uuid::Parse(ids[0]);
    if (!id) return NotFound("embudo.dev/Contact", contact);
    query.contact = id->ToString();
  }
  if (!email.empty()) {
    const absl::StatusOr<std::string> address = text::NormaliseEmail(email);
    if (!address.ok()) return InvalidField("email", MessageOf(address.status()));
    query.email = *address;
  }
  return query;
}

std::unique_ptr<rpc::Service> MakePrivacyService(const PrivacyRoom& room) {
  auto service = std::make_unique<rpc::Service>(v1::ErasePersonRequest::descriptor()->file()->service(0));
  service->Unary<v1::ErasePersonRequest, v1::ErasePersonResponse>(
      "ErasePerson", [&room](const CallContext& call, const v1::ErasePersonRequest& request) {
        return ErasePerson(room, call, request);
      });
  service->Bidi("ExportPerson", [&room](std::shared_ptr<rpc::BidiStream> stream) {
    return MakeExport(room.events, std::move(stream));
  });
  room.erasures.Bind(*service);
  return service;
}

}  // namespace embudo::pipeline::events
