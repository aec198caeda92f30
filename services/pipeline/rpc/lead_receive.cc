// ReceiveLead and BulkReceiveLeads: a lead and what came with it, in one write.

#include <algorithm>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "services/pipeline/logic/utm_rules.h"
#include "services/pipeline/rpc/lead_entries.h"
#include "services/pipeline/rpc/lead_service.h"
#include "services/pipeline/rpc/suppression.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using resource::Change;
using type::v1::Lead;
using Request = v1::ReceiveLeadRequest;

/// One of the requests on its way.
struct Arrival {
  const Request* request;
  /// Why it goes no further.
  absl::Status status;
  /// The lead and what goes with it.
  std::vector<Change> bundle;
  std::shared_ptr<v1::ReceiveLeadResponse> response = std::make_shared<v1::ReceiveLeadResponse>();
  /// Another open lead that counts as this one.
  std::string other;

  const Lead& lead() const { return static_cast<const Lead&>(*bundle[0].after.message); }
  bool Goes() const { return status.ok() && other.empty(); }
};

/// The oldest open leads of these addresses and numbers, one each. As parameters, whose values the planner sees: how
/// few leads have them its statistics do not tell.
constexpr char kKnown[] =
    "(SELECT DISTINCT ON (l.email) 'email', l.email, l.lead_id FROM pipeline.lead l WHERE l.tenant_id = $1"
    " AND l.lead_id <> ALL ($2::uuid[]) AND l.email = ANY ($3::text[]) AND l.email <> '' AND l.state = 'OPEN'"
    " AND l.delete_time IS NULL ORDER BY l.email, l.create_time) UNION ALL"
    " (SELECT DISTINCT ON (l.phone) 'phone', l.phone, l.lead_id FROM pipeline.lead l WHERE l.tenant_id = $1"
    " AND l.lead_id <> ALL ($2::uuid[]) AND l.phone = ANY ($4::text[]) AND l.phone <> '' AND l.state = 'OPEN'"
    " AND l.delete_time IS NULL ORDER BY l.phone, l.create_time)";

/// Those of the requests that ask for a match by the one or the other.
bool Asks(const Arrival& arrival, Request::Match by) {
  const auto& match = arrival.request->match();
  return arrival.status.ok() && std::find(match.begin(), match.end(), by) != match.end();
}

/// Finds the leads that count as these: by the address, if that is asked for and finds any, before the number.
absl::Status Match(Records& records, const CallContext& call, std::vector<Arrival>& arrivals) {
  std::vector<std::string> ids, emails, phones;
  for (const Arrival& arrival : arrivals) {
    ids.push_back(CanonicalId(arrival.request->lead_id()));
    if (Asks(arrival, Request::MATCH_EMAIL) && !arrival.lead().email().empty())
      emails.push_back(arrival.lead().email());
    if (Asks(arrival, Request::MATCH_PHONE) && !arrival.lead().phone().empty())
      phones.push_back(arrival.lead().phone());
  }
  if (emails.empty() && phones.empty()) return absl::OkStatus();
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(records.pool(), call.tenant(), call.deadline, kKnown,
                                                          db::Params::Of(call.tenant(), ids, emails, phones)));
  std::map<std::pair<std::string_view, std::string_view>, std::string_view> others;
  for (int i = 0; i < rows.size(); ++i) others[{rows[i].Text(0), rows[i].Text(1)}] = rows[i].Text(2);
  const auto find = [&](std::string_view column, const std::string& value) {
    const auto found = others.find({column, value});
    return found == others.end() ? std::string() : "leads/" + std::string(found->second);
  };
  for (Arrival& arrival : arrivals) {
    if (Asks(arrival, Request::MATCH_EMAIL)) arrival.other = find("email", arrival.lead().email());
    if (arrival.other.empty() && Asks(arrival, Request::MATCH_PHONE)) {
      arrival.other = find("phone", arrival.lead().phone());
    }
  }
  return absl::OkStatus();
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

/// What goes with a lead that is new.
absl::Status AddRest(Records& records, const CallContext& call, Arrival& arrival) {
  const std::string& name = arrival.lead().name();
  *arrival.response->mutable_lead() = arrival.lead();
  arrival.bundle[0].answer = arrival.response;
  const Request& request = *arrival.request;
  arrival.bundle.push_back(NewTouch(records, call, name, request.touch_id(), request.touch()));
  for (int i = 0; i < request.entries_size(); ++i) {
    const Request::Entry& given = request.entries(i);
    auto entry = NewEntry(records, call, name, given.message_id(), given.message());
    if (!entry.ok()) return InItem(entry.status(), "entries[" + std::to_string(i) + "]");
    if (entry->has_value()) arrival.bundle.push_back(**std::move(entry));
  }
  return absl::OkStatus();
}

/// The first answer to this request, or that of the lead which was there.
absl::Status AnswerMatched(Records& records, const CallContext& call, Arrival& arrival) {
  const Change& change = arrival.bundle[0];
  if (!change.request_id.empty()) {
    EMBUDO_ASSIGN_OR_RETURN(const bool found,
                            records.writer().FindAnswer(call.tenant(), change, arrival.response.get(), call.deadline));
    if (found) return absl::OkStatus();
  }
  EMBUDO_ASSIGN_OR_RETURN(const resource::Record record, records.leads().Load(call, arrival.other));
  *arrival.response->mutable_lead() = static_cast<const Lead&>(*record.message);
  arrival.response->set_matched(true);
  return absl::OkStatus();
}

absl::Status SeeUtm(Records& records, const CallContext& call, const std::vector<Arrival>& arrivals) {
  std::vector<const Lead*> leads;
  std::vector<const type::v1::Touch*> touches;
  for (const Arrival& arrival : arrivals) {
    if (!arrival.Goes()) continue;
    leads.push_back(&arrival.lead());
    touches.push_back(&arrival.request->touch());
  }
  return records.SeeUtmOf(call, leads, touches);
}

void Write(Records& records, const CallContext& call, std::vector<Arrival>& arrivals) {
  std::vector<Arrival*> going;
  std::vector<std::vector<Change>> bundles;
  for (Arrival& arrival : arrivals) {
    if (!arrival.Goes()) continue;
    going.push_back(&arrival);
    bundles.push_back(std::move(arrival.bundle));
  }
  std::vector<absl::StatusOr<resource::Written>> written =
      records.writer().WriteBundles(call.tenant(), std::move(bundles), call.deadline);
  for (size_t i = 0; i < going.size(); ++i) {
    going[i]->status = written[i].status();
    if (!written[i].ok() || written[i]->replayed == nullptr) continue;
    going[i]->response->CopyFrom(*written[i]->replayed);
  }
}

/// Takes in what has come, each for itself. An error is one of all of them.
absl::Status ReceiveAll(Records& records, const CallContext& caller, std::vector<Arrival>& arrivals) {
  CallContext call = caller;
  call.identity.origin = type::v1::ORIGIN_CAPTURE;
  // A request that is repeated alone is the same as the one that came with others.
  call.method = "embudo.pipeline.v1.LeadService/ReceiveLead";
  std::vector<const google::protobuf::Message*> leads;
  for (const Arrival& arrival : arrivals) leads.push_back(&arrival.request->lead());
  EMBUDO_ASSIGN_OR_RETURN(const Suppressed suppressed, Suppressed::Among(records, call, leads));
  for (Arrival& arrival : arrivals) {
    arrival.status = suppressed.Check(arrival.request->lead());
    if (!arrival.status.ok()) continue;
    absl::StatusOr<Change> lead = LeadOf(records, call, *arrival.request);
    arrival.status = lead.status();
    if (lead.ok()) arrival.bundle.push_back(*std::move(lead));
  }
  EMBUDO_RETURN_IF_ERROR(Match(records, call, arrivals));
  for (Arrival& arrival : arrivals) {
    if (!arrival.status.ok()) continue;
    arrival.status = arrival.other.empty() ? AddRest(records, call, arrival) : AnswerMatched(records, call, arrival);
  }
  EMBUDO_RETURN_IF_ERROR(SeeUtm(records, call, arrivals));
  Write(records, call, arrivals);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::ReceiveLeadResponse> ReceiveLead(Records& records, const CallContext& call, const Request& request) {
  std::vector<Arrival> arrivals(1);
  arrivals[0].request = &request;
  EMBUDO_RETURN_IF_ERROR(ReceiveAll(records, call, arrivals));
  EMBUDO_RETURN_IF_ERROR(arrivals[0].status);
  return std::move(*arrivals[0].response);
}

absl::StatusOr<v1::BulkReceiveLeadsResponse> BulkReceiveLeads(Records& records, const CallContext& call,
                                                              const v1::BulkReceiveLeadsRequest& request) {
  std::vector<Arrival> arrivals(request.items_size());
  for (size_t i = 0; i < arrivals.size(); ++i) arrivals[i].request = &request.items(static_cast<int>(i));
  EMBUDO_RETURN_IF_ERROR(ReceiveAll(records, call, arrivals));
  v1::BulkReceiveLeadsResponse response;
  for (const Arrival& arrival : arrivals) {
    v1::BulkReceiveLeadsResponse::Result& result = *response.add_results();
    if (!arrival.status.ok()) {
      *result.mutable_error() = ToRpcStatus(arrival.status);
      continue;
    }
    result.set_lead(arrival.response->lead().name());
    result.set_matched(arrival.response->matched());
  }
  return response;
}

}  // namespace embudo::pipeline::rpc
