#include "common/tenancy/tenants.h"

#include <prometheus/counter.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/log/log.h"

namespace embudo::tenancy {
namespace {

constexpr std::chrono::seconds kStatement{5};
constexpr std::chrono::milliseconds kStreamRetry{1000};

constexpr char kRead[] =
    "SELECT tenant_id, state, purged, reads_per_second, writes_per_second, bulk_per_second, streams, storage_bytes"
    " FROM pipeline.tenant_state";

/// Embudo's own services begin nothing for a tenant that is not served, but they end what they have begun, at their own
/// pace: neither a run nor a mail breaks off half-way.
bool IsOwnService(const rpc::Identity& identity) {
  if (!identity.Has(type::v1::ROLE_SERVICE)) return false;
  for (const char* name : {"pipeline", "capture", "scoring", "automation", "reporting"}) {
    if (identity.actor == std::string("services/") + name) return true;
  }
  return false;
}

}  // namespace

Tenants::Tenants(Options options, db::Pool& pool, AuditLog::Keep keep, const Clock& clock, metrics::Registry& metrics)
    : options_(std::move(options)),
      pool_(pool),
      metrics_(metrics),
      audit_(std::move(keep), clock, metrics),
      buckets_(clock, options_.replicas),
      streams_(std::make_shared<std::map<std::string, int64_t, std::less<>>>()),
      streams_mutex_(std::make_shared<std::mutex>()),
      known_(std::make_shared<const Known>()) {}

Tenants::~Tenants() { Stop(); }

void Tenants::Start() {
  audit_.Start();
  thread_ = std::thread([this] { Run(); });
}

void Tenants::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  audit_.Stop();
}

void Tenants::Run() {
  bool failing = false;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const absl::Status status = Refresh();
    // Once: what it knew last holds.
    if (!status.ok() && !failing) log::Warning("tenants: waiting", {{"why", MessageOf(status)}});
    failing = !status.ok();
    lock.lock();
    wake_.wait_for(lock, options_.refresh, [this] { return stopping_; });
  }
}

absl::Status Tenants::Refresh() {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows, db::Exec(pool_, "", db::After(kStatement), kRead, {}));
  auto known = std::make_shared<Known>();
  for (int i = 0; i < rows.size(); ++i) {
    const db::Row row = rows[i];
    tenancy::Standing standing{.state = std::string(row.Text(1)), .purged = row.TextArray(2), .limits = {}};
    for (int rate = 0; rate < 3; ++rate) standing.limits.rates[static_cast<size_t>(rate)] = row.Int(3 + rate);
    standing.limits.streams = row.Int(6);
    standing.limits.storage_bytes = row.Int(7);
    known->emplace(row.Text(0), std::move(standing));
  }
  std::function<void(const std::string&, const absl::Status&)> closed;
  std::shared_ptr<const Known> before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(known_, known);
    closed = on_closed_;
  }
  if (!closed) return absl::OkStatus();
  for (const auto& [tenant, standing] : *known) {
    const absl::Status why = StandingIn(*known, tenant);
    if (!why.ok() && StandingIn(*before, tenant).ok()) closed(tenant, why);
  }
  return absl::OkStatus();
}

std::shared_ptr<const Tenants::Known> Tenants::Current() const {
  const std::lock_guard lock(mutex_);
  return known_;
}

absl::Status Tenants::StandingIn(const Known& known, std::string_view tenant) const {
  const auto found = known.find(tenant);
  if (found == known.end() || found->second.state == "ACTIVE") return absl::OkStatus();
  if (found->second.state == "SUSPENDED") {
    return Error(absl::StatusCode::kFailedPrecondition, "TENANT_SUSPENDED", "the tenant is suspended")
        .Resource("embudo.dev/Tenant", "tenants/" + std::string(tenant));
  }
  return Error(absl::StatusCode::kFailedPrecondition, "TENANT_DELETED", "the tenant is deleted")
      .Resource("embudo.dev/Tenant", "tenants/" + std::string(tenant));
}

const absl::Status& Tenants::Count(const absl::Status& status, const char* limit) {
  if (!status.ok()) {
    metrics_
        .Counter("embudo_tenant_refused_total", "Calls refused for what their tenant may, by limit.",
                 {{"limit", limit}})
        .Increment();
  }
  return status;
}

rpc::Admission Tenants::Admit(const rpc::Identity& identity, rpc::MethodClass method_class) {
  const std::shared_ptr<const Known> known = Current();
  const absl::Status standing = StandingIn(*known, identity.tenant);
  const auto found = known->find(identity.tenant);
  if (IsOwnService(identity)) {
    const bool purging = found != known->end() && found->second.state == "PURGING";
    return {purging ? Count(standing, "standing") : absl::OkStatus()};
  }
  if (!standing.ok()) return {Count(standing, "standing")};
  const size_t index = static_cast<size_t>(method_class);
  int64_t rate = found == known->end() ? 0 : found->second.limits.rates[index];
  if (rate == 0) rate = options_.limits.rates[index];
  rpc::Admission admission = buckets_.Take(identity.tenant, method_class, rate);
  Count(admission.status, NameOf(method_class).data());
  return admission;
}

absl::Status Tenants::Standing(std::string_view tenant) const { return StandingIn(*Current(), tenant); }

absl::StatusOr<std::shared_ptr<void>> Tenants::TakeStream(std::string_view tenant) {
  const int64_t limit = LimitsOf(tenant).streams;
  const std::lock_guard lock(*streams_mutex_);
  auto found = streams_->find(tenant);
  if (limit > 0 && found != streams_->end() && found->second >= limit) {
    return Count(LimitReached("TENANT_STREAM_LIMIT", tenant, "streams at once", limit, kStreamRetry), "streams");
  }
  if (found == streams_->end()) found = streams_->emplace(tenant, 0).first;
  ++found->second;
  // The place may outlive this.
  return std::shared_ptr<void>(nullptr, [streams = streams_, mutex = streams_mutex_, name = found->first](void*) {
    const std::lock_guard free(*mutex);
    const auto place = streams->find(name);
    if (place != streams->end() && --place->second == 0) streams->erase(place);
  });
}

void Tenants::OnClosed(std::function<void(const std::string& tenant, const absl::Status& why)> callback) {
  const std::lock_guard lock(mutex_);
  on_closed_ = std::move(callback);
}

Limits Tenants::LimitsOf(std::string_view tenant) const {
  const std::shared_ptr<const Known> known = Current();
  const auto found = known->find(tenant);
  return found == known->end() ? options_.limits : found->second.limits.Or(options_.limits);
}

std::vector<std::string> Tenants::ToPurge() const {
  std::vector<std::string> out;
  for (const auto& [tenant, standing] : *Current()) {
    const bool done = std::count(standing.purged.begin(), standing.purged.end(), options_.service) > 0;
    if (standing.state == "PURGING" && !done) out.push_back(tenant);
  }
  return out;
}

void Tenants::Audit(rpc::AuditRecord record, std::function<void()> kept) {
  audit_.Add(std::move(record), std::move(kept));
}

}  // namespace embudo::tenancy
