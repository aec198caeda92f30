// ReceiveLead: a lead and what came with it, in one write.

#include <optional>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/resource/mask.h"
#include "services/pipeline/logic/message_rules.h"
#include "services/pipeline/logic/utm_rules.h"
#include "services/pipeline/rpc/lead_service.h"
#include "services/pipeline/rpc/suppression.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using resource::Change;
using type::v1::Lead;
using Entry = type::v1::Message;
using Request = v1::ReceiveLeadRequest;

/// A UUID, which was checked to be one, in the form that ids have.
std::string Canonical(const std::string& uuid) { return Uuid::Parse(uuid)->ToString(); }

/// An open lead, the oldest, whose `column` is the parameter, beside $2. Each has its index.
std::string KnownBy(const std::string& column, int parameter) {
  const std::string is = "l." + column + " = $" + std::to_string(parameter);
  return "(SELECT l.lead_id FROM pipeline.lead l WHERE l.tenant_id = $1 AND l.lead_id <> $2::uuid AND " + is +
         " AND l." + column + " <> '' AND l.state = 'OPEN' AND l.delete_time IS NULL ORDER BY l.create_time LIMIT 1)";
}

/// Another open lead that counts as this one, by the first of the request's matches that finds any; empty: there is
/// none.
absl::StatusOr<std::string> Matching(Records& records, const CallContext& call, const Request& request,
                                     const Lead& lead) {
  db::Params params = db::Params::Of(call.tenant(), request.lead_id());
  std::string found;
  for (const int match : request.match()) {
    const bool by_email = match == Request::MATCH_EMAIL;
    const std::string& value = by_email ? lead.email() : lead.phone();
    if (value.empty()) continue;
    params.Add(value);
    found += (found.empty() ? "" : ", ") + KnownBy(by_email ? "email" : "phone", params.size());
  }
  if (found.empty()) return std::string();
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(records.pool(), call.tenant(), call.deadline,
                                                          "SELECT coalesce(" + found + ")", params));
  return rows[0].IsNull(0) ? std::string() : "leads/" + std::string(rows[0].Text(0));
}

absl::StatusOr<Change> LeadOf(Records& records, const CallContext& call, const Request& request) {
  EMBUDO_ASSIGN_OR_RETURN(auto record, records.leads().NewRecord(request));
  auto& lead = static_cast<Lead&>(*record);
  type::v1::Touch touch = request.touch();
  logic::PrepareTouch(touch);
  if (!logic::NamesUtm(lead)) logic::TakeFirstTouch(touch, lead);
  // What a person enters is work on the lead, as each of their messages is.
  if (request.entries_size() > 0 && call.identity.actor.starts_with("users/")) {
    *lead.mutable_last_touch_time() = ToTimestamp(records.clock().Now());
  }
  return records.leads().NewChange(call, std::move(record), request);
}

/// What only the service sets of a record under the lead.
template <class Record>
std::unique_ptr<Record> Under(Records& records, const std::string& name, const Record& given) {
  auto record = std::make_unique<Record>(given);
  resource::ClearOutputOnly(record.get());
  record->set_name(name);
  *record->mutable_create_time() = ToTimestamp(records.clock().Now());
  return record;
}

Change TouchOf(Records& records, const CallContext& call, const Request& request, const std::string& lead) {
  auto touch = Under(records, lead + "/touches/" + Canonical(request.touch_id()), request.touch());
  logic::PrepareTouch(*touch);
  return records.touches().NewPreparedChange(call, std::move(touch), v1::GetLeadRequest());
}

/// Nothing, if it is a mail that is in a conversation already.
absl::StatusOr<std::optional<Change>> EntryOf(Records& records, const CallContext& call, const Request::Entry& given,
                                              const std::string& lead) {
  if (given.message().attachments_size() > 0) {
    return InvalidField("message.attachments", "a lead that does not exist has none");
  }
  EMBUDO_RETURN_IF_ERROR(logic::CheckMayCreate(given.message(), /*service=*/true));
  auto message = Under(records, lead + "/messages/" + Canonical(given.message_id()), given.message());
  EMBUDO_RETURN_IF_ERROR(
      records.WithScene(call, [&](const logic::Scene& scene) { return logic::PrepareNew(scene, *message); }));
  const absl::Status known = records.CheckNewMail(call, *message);
  if (known.code() == absl::StatusCode::kAlreadyExists) return std::optional<Change>();
  EMBUDO_RETURN_IF_ERROR(known);
  return records.messages().NewPreparedChange(call, std::move(message), v1::GetLeadRequest());
}

/// The first answer to this request, or that of the lead which was there.
absl::StatusOr<v1::ReceiveLeadResponse> AnswerMatched(Records& records, const CallContext& call, const Change& change,
                                                      const std::string& name) {
  v1::ReceiveLeadResponse response;
  if (!change.request_id.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const bool found,
                            records.writer().FindAnswer(call.tenant(), change, &response, call.deadline));
    if (found) return response;
  }
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, records.leads().Load(call, name));
  *response.mutable_lead() = static_cast<const Lead&>(*record.message);
  response.set_matched(true);
  return response;
}

}  // namespace

absl::StatusOr<v1::ReceiveLeadResponse> ReceiveLead(Records& records, const CallContext& caller,
                                                    const Request& request) {
  CallContext call = caller;
  call.identity.origin = type::v1::ORIGIN_CAPTURE;
  EMBUDO_RETURN_IF_ERROR(CheckNotSuppressed(records, call, request.lead()));
  EMBUDO_ASSIGN_OR_RETURN(Change lead, LeadOf(records, call, request));
  const auto& made = static_cast<const Lead&>(*lead.after.message);
  EMBUDO_ASSIGN_OR_RETURN(const std::string other, Matching(records, call, request, made));
  if (!other.empty()) return AnswerMatched(records, call, lead, other);

  auto answer = std::make_shared<v1::ReceiveLeadResponse>();
  *answer->mutable_lead() = made;
  const std::string name = made.name();
  std::vector<Change> bundle;
  bundle.push_back(std::move(lead));
  bundle[0].answer = answer;
  bundle.push_back(TouchOf(records, call, request, name));
  for (int i = 0; i < request.entries_size(); ++i) {
    auto entry = EntryOf(records, call, request.entries(i), name);
    if (!entry.ok()) return InItem(entry.status(), "entries[" + std::to_string(i) + "]");
    if (entry->has_value()) bundle.push_back(**std::move(entry));
  }
  EMBUDO_RETURN_IF_ERROR(records.SeeUtmOf(call, {&made}, {&request.touch()}));
  EMBUDO_ASSIGN_OR_RETURN(resource::Written written,
                          records.writer().WriteBundle(call.tenant(), std::move(bundle), call.deadline));
  if (written.replayed != nullptr) return static_cast<v1::ReceiveLeadResponse&>(*written.replayed);
  return *answer;
}

}  // namespace embudo::pipeline::rpc
