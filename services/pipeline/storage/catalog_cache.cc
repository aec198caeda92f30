#include "services/pipeline/storage/catalog_cache.h"

#include <functional>

#include "common/base/error.h"
#include "services/pipeline/storage/tables.h"

namespace embudo::pipeline::storage {
namespace {

constexpr std::chrono::seconds kKeep{1};

/// Calls `take` with each record of the tenant's table that is not deleted.
template <class Message>
absl::Status Each(db::Connection& connection, const std::string& tenant, const resource::Table& table,
                  const std::string& order, const std::function<void(Message&)>& take) {
  const std::string alive = table.has_column("delete_time") ? " AND t.delete_time IS NULL" : "";
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec("SELECT " + table.SelectList("t") + " FROM " + table.name() +
                                              " t WHERE t.tenant_id = $1" + alive + order,
                                          db::Params::Of(tenant)));
  for (int i = 0; i < rows.size(); ++i) take(static_cast<Message&>(*table.Read(rows[i]).message));
  return absl::OkStatus();
}

// Rates of every day and currency are many: only what is asked of them is read.
absl::Status LoadRates(db::Connection& connection, const std::string& tenant, logic::Catalog& catalog) {
  EMBUDO_ASSIGN_OR_RETURN(const db::Result rows,
                          connection.Exec("SELECT currency_code, start_date, rate FROM pipeline.exchange_rate"
                                          " WHERE tenant_id = $1 AND delete_time IS NULL ORDER BY 1, 2",
                                          db::Params::Of(tenant)));
  for (int i = 0; i < rows.size(); ++i) {
    auto& rates = catalog.exchange_rates[std::string(rows[i].Text(0))];
    rates.emplace_hint(rates.end(), std::chrono::floor<std::chrono::days>(rows[i].TimeAt(1)), rows[i].Text(2));
  }
  return absl::OkStatus();
}

absl::Status LoadAll(db::Connection& connection, const std::string& tenant, logic::Catalog& catalog) {
  using namespace type::v1;  // NOLINT(google-build-using-namespace): names of the resources below
  EMBUDO_RETURN_IF_ERROR(Each<Tenant>(connection, tenant, TenantTable(), "", [&](Tenant& t) { catalog.tenant = t; }));
  EMBUDO_RETURN_IF_ERROR(
      Each<Pipeline>(connection, tenant, PipelineTable(), "", [&](Pipeline& p) { catalog.pipelines[p.name()] = p; }));
  EMBUDO_RETURN_IF_ERROR(
      Each<Stage>(connection, tenant, StageTable(), " ORDER BY t.pipeline_id, t.sequence, t.stage_id",
                  [&](Stage& s) { catalog.stages_of_pipeline[logic::Catalog::PipelineOf(s.name())].push_back(s); }));
  EMBUDO_RETURN_IF_ERROR(
      Each<Team>(connection, tenant, TeamTable(), "", [&](Team& t) { catalog.teams[t.name()] = t; }));
  EMBUDO_RETURN_IF_ERROR(
      Each<User>(connection, tenant, UserTable(), "", [&](User& u) { catalog.users[u.name()] = u; }));
  EMBUDO_RETURN_IF_ERROR(Each<Membership>(connection, tenant, MembershipTable(), "", [&](Membership& m) {
    catalog.teams_of_user[m.user()].insert(m.name().substr(0, m.name().find("/memberships/")));
  }));
  EMBUDO_RETURN_IF_ERROR(Each<ActivityType>(connection, tenant, ActivityTypeTable(),
                                            " ORDER BY t.sequence, t.activity_type_id",
                                            [&](ActivityType& t) { catalog.activity_types.push_back(t); }));
  EMBUDO_RETURN_IF_ERROR(Each<CustomField>(connection, tenant, CustomFieldTable(), "", [&](CustomField& f) {
    (f.target() == CustomField::TARGET_CONTACT ? catalog.contact_fields : catalog.lead_fields)[f.key()] = f;
  }));
  EMBUDO_RETURN_IF_ERROR(LoadRates(connection, tenant, catalog));
  for (const auto& [table, names] :
       {std::pair(&TagTable(), &catalog.tags), std::pair(&ProductTable(), &catalog.products),
        std::pair(&LostReasonTable(), &catalog.lost_reasons)}) {
    EMBUDO_RETURN_IF_ERROR(Each<google::protobuf::Message>(
        connection, tenant, *table, "",
        [&, names = names](google::protobuf::Message& m) { names->insert(resource::NameOf(m)); }));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const logic::Catalog>> CatalogCache::Get(const std::string& tenant,
                                                                        db::Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(tenant);
    if (found != entries_.end() && std::chrono::steady_clock::now() < found->second.expires) {
      return found->second.catalog;
    }
  }
  return Load(tenant, deadline);
}

void CatalogCache::Forget(const std::string& tenant) {
  const std::lock_guard lock(mutex_);
  entries_.erase(tenant);
  ++forgotten_;
}

absl::StatusOr<std::shared_ptr<const logic::Catalog>> CatalogCache::Load(const std::string& tenant,
                                                                         db::Deadline deadline) {
  auto catalog = std::make_shared<logic::Catalog>();
  uint64_t forgotten = 0;
  {
    const std::lock_guard lock(mutex_);
    forgotten = forgotten_;
  }
  EMBUDO_ASSIGN_OR_RETURN(db::Pool::Lease lease, pool_.Acquire(tenant, deadline));
  const auto expires = std::chrono::steady_clock::now() + kKeep;
  EMBUDO_RETURN_IF_ERROR(LoadAll(*lease, tenant, *catalog));
  // An unknown tenant has a valid token and no rows.
  if (catalog->tenant.name().empty()) return NotFound("embudo.dev/Tenant", "tenants/" + tenant);
  const std::lock_guard lock(mutex_);
  // A change that came while this was read may not be in it.
  if (forgotten == forgotten_) entries_[tenant] = {catalog, expires};
  return std::shared_ptr<const logic::Catalog>(catalog);
}

}  // namespace embudo::pipeline::storage
