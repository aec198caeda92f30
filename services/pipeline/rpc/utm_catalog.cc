#include "services/pipeline/rpc/utm_catalog.h"

#include "common/base/error.h"
#include "common/base/ids.h"
#include "embudo/pipeline/v1/catalog_service.pb.h"

namespace embudo::pipeline::rpc {
namespace {

using embudo::rpc::CallContext;

/// How long a code counts as known: another process may delete its record meanwhile.
constexpr std::chrono::seconds kKeep{10};
/// Of one tenant; one that has more codes in use asks the database more often.
constexpr size_t kMaxKnown = 50'000;

const std::string& CodeOf(const UtmCodes& named, size_t kind) {
  return kind == 0 ? named.source : kind == 1 ? named.medium : named.campaign;
}

}  // namespace

absl::Status UtmCatalog::See(const CallContext& call, const std::vector<UtmCodes>& named) {
  for (size_t kind = 0; kind < kKinds; ++kind) {
    const std::set<std::string> unknown = Unknown(call.tenant(), kind, named);
    if (unknown.empty()) continue;
    EMBUDO_RETURN_IF_ERROR(MakeMissing(call, *resources_[kind], unknown));
    Remember(call.tenant(), kind, unknown);
  }
  return absl::OkStatus();
}

void UtmCatalog::Forget(const std::string& tenant) {
  const std::lock_guard lock(mutex_);
  known_.erase(tenant);
}

std::set<std::string> UtmCatalog::Unknown(const std::string& tenant, size_t kind, const std::vector<UtmCodes>& named) {
  std::set<std::string> unknown;
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(tenant);
  const bool fresh = known != known_.end() && std::chrono::steady_clock::now() < known->second.expires;
  for (const UtmCodes& one : named) {
    const std::string& code = CodeOf(one, kind);
    if (code.empty() || (fresh && known->second.codes[kind].contains(code))) continue;
    unknown.insert(code);
  }
  return unknown;
}

void UtmCatalog::Remember(const std::string& tenant, size_t kind, const std::set<std::string>& codes) {
  const std::lock_guard lock(mutex_);
  Known& known = known_[tenant];
  const auto now = std::chrono::steady_clock::now();
  if (known.expires <= now || known.codes[kind].size() > kMaxKnown) known = {.codes = {}, .expires = now + kKeep};
  known.codes[kind].insert(codes.begin(), codes.end());
}

absl::Status UtmCatalog::MakeMissing(const CallContext& call, resource::Resource& resource,
                                     const std::set<std::string>& codes) {
  const resource::Table& table = resource.table();
  EMBUDO_ASSIGN_OR_RETURN(
      const db::Result rows,
      db::Exec(pool_, call.tenant(), call.deadline,
               "SELECT code FROM " + table.name() +
                   " WHERE tenant_id = $1 AND code = ANY($2::text[]) AND delete_time IS NULL",
               db::Params::Of(call.tenant(), std::vector<std::string>(codes.begin(), codes.end()))));
  std::set<std::string> missing = codes;
  for (int i = 0; i < rows.size(); ++i) missing.erase(std::string(rows[i].Text(0)));
  for (const std::string& code : missing) {
    std::unique_ptr<google::protobuf::Message> record = table.New();
    resource::SetText(record.get(), "name", table.pattern().Build({Uuid::V7(clock_.Now()).ToString()}));
    resource::SetText(record.get(), "display_name", code);
    resource::SetText(record.get(), "code", code);
    const absl::Status written =
        writer_
            .Write(call.tenant(), resource.NewPreparedChange(call, std::move(record), v1::GetCampaignRequest()),
                   call.deadline)
            .status();
    // Of two that see a code for the first time at the same moment, one makes its record.
    if (!written.ok() && written.code() != absl::StatusCode::kAlreadyExists) return written;
  }
  return absl::OkStatus();
}

}  // namespace embudo::pipeline::rpc
