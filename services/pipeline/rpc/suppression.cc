#include "services/pipeline/rpc/suppression.h"

#include <map>
#include <optional>

#include "common/base/error.h"
#include "common/privacy/suppression.h"
#include "common/text/email.h"
#include "embudo/type/v1/lead.pb.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;
using google::protobuf::Message;
using type::v1::Contact;
using type::v1::Lead;

/// The addresses of a record, normalised, each with its path. One that is no address is refused elsewhere.
std::map<std::string, std::string> AddressesOf(const Message& record) {
  std::map<std::string, std::string> addresses;
  const auto add = [&](const std::string& text, const std::string& path) {
    if (text.empty()) return;
    if (const auto address = text::NormaliseEmail(text); address.ok()) addresses.emplace(*address, path);
  };
  if (record.GetDescriptor() == Lead::descriptor()) {
    add(static_cast<const Lead&>(record).email(), "lead.email");
    return addresses;
  }
  const auto& contact = static_cast<const Contact&>(record);
  add(contact.email(), "contact.email");
  for (int i = 0; i < contact.other_emails_size(); ++i) {
    add(contact.other_emails(i), "contact.other_emails[" + std::to_string(i) + "]");
  }
  return addresses;
}

/// Whether somebody else than the person, or somebody at work on the record, brings the record.
bool IsBrought(const CallContext& call, const Message& record) {
  if (call.identity.origin == type::v1::ORIGIN_IMPORT) return true;
  if (call.identity.origin != type::v1::ORIGIN_CAPTURE || record.GetDescriptor() != Lead::descriptor()) return false;
  switch (static_cast<const Lead&>(record).channel()) {
    case Lead::CHANNEL_WEB_FORM:
    case Lead::CHANNEL_EMAIL:
    case Lead::CHANNEL_LIVE_CHAT:
    case Lead::CHANNEL_PHONE_CALL:
      return false;
    default:
      return true;
  }
}

}  // namespace

absl::StatusOr<Suppressed> Suppressed::Among(Records& records, const CallContext& call,
                                             const std::vector<const Message*>& leads_or_contacts) {
  Suppressed suppressed;
  std::map<std::string, std::string> by_hash;
  for (const Message* record : leads_or_contacts) {
    if (!IsBrought(call, *record)) continue;
    for (const auto& [address, path] : AddressesOf(*record)) {
      by_hash.emplace(privacy::HashAddress(call.tenant(), address), address);
    }
  }
  if (by_hash.empty()) return suppressed;
  std::vector<std::optional<std::string>> hashes;
  for (const auto& [hash, address] : by_hash) hashes.emplace_back(hash);
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          db::Exec(records.pool(), call.tenant(), call.deadline,
                                   "SELECT address_hash FROM pipeline.suppression WHERE tenant_id = $1"
                                   " AND address_hash = ANY($2::bytea[])",
                                   db::Params::Of(call.tenant()).AddBytes(hashes)));
  for (int i = 0; i < rows.size(); ++i) suppressed.addresses_.insert(by_hash[rows[i].Bytes(0)]);
  return suppressed;
}

absl::Status Suppressed::Check(const Message& lead_or_contact, const Message* before) const {
  if (addresses_.empty()) return absl::OkStatus();
  const auto own = before == nullptr ? std::map<std::string, std::string>() : AddressesOf(*before);
  for (const auto& [address, path] : AddressesOf(lead_or_contact)) {
    if (!addresses_.contains(address) || own.contains(address)) continue;
    return Error(absl::StatusCode::kFailedPrecondition, "SUPPRESSED",
                 path + ": the person of this address was erased, and has not come back by themselves")
        .Violation("SUPPRESSION", path, "is the address of a person who was erased")
        .ToStatus();
  }
  return absl::OkStatus();
}

absl::Status CheckNotSuppressed(Records& records, const CallContext& call, const Message& lead_or_contact) {
  EMBUDO_ASSIGN_OR_RETURN(const Suppressed suppressed, Suppressed::Among(records, call, {&lead_or_contact}));
  return suppressed.Check(lead_or_contact);
}

}  // namespace embudo::pipeline::rpc
