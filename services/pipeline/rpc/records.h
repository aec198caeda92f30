#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/db/pool.h"
#include "common/resource/resource.h"
#include "services/pipeline/logic/lead_rules.h"
#include "services/pipeline/storage/catalog_cache.h"

namespace embudo::pipeline::rpc {

/// The service's records: every resource with its rules, on one pool and one writer. What the handlers work on.
class Records {
 public:
  /// `pool` is of the pipeline_rpc role. `on_commit` is called after every commit that wrote events.
  Records(db::Pool& pool, const Clock& clock, std::function<void()> on_commit);

  db::Pool& pool() { return pool_; }
  resource::Writer& writer() { return writer_; }
  storage::CatalogCache& catalogs() { return catalogs_; }
  const Clock& clock() const { return clock_; }

  resource::Resource& tenants() { return tenants_; }
  resource::Resource& pipelines() { return pipelines_; }
  resource::Resource& stages() { return stages_; }
  resource::Resource& teams() { return teams_; }
  resource::Resource& memberships() { return memberships_; }
  resource::Resource& users() { return users_; }
  resource::Resource& tags() { return tags_; }
  resource::Resource& lost_reasons() { return lost_reasons_; }
  resource::Resource& products() { return products_; }
  resource::Resource& contacts() { return contacts_; }
  resource::Resource& leads() { return leads_; }
  resource::Resource& activities() { return activities_; }

  /// Runs `body` with what the lead rules need to know of the call's tenant.
  absl::Status WithScene(const embudo::rpc::CallContext& call,
                         const std::function<absl::Status(const logic::Scene&)>& body);
  /// Whether the caller may see the lead (users.visibility; the record's own rule for representatives).
  bool MaySee(const embudo::rpc::CallContext& call, const type::v1::Lead& lead);

 private:
  /// Whether the caller may see every lead.
  bool SeesAll(const embudo::rpc::CallContext& call);
  resource::Rules ConfigurationRules(type::v1::EventType created, type::v1::EventType updated,
                                     type::v1::EventType deleted,
                                     std::vector<resource::Rules::ReferencedBy> referenced_by);
  resource::Rules PipelineRules();
  resource::Rules StageRules();
  resource::Rules TeamRules();
  resource::Rules MembershipRules();
  resource::Rules ContactRules();
  resource::Rules LeadRules();
  resource::Rules ActivityRules();
  /// Names of the tenant's records whose field has a value, for filters such as `stage.display_name = "Proposal"`.
  filter::Resolver ResolverOf(const embudo::rpc::CallContext& call);

  db::Pool& pool_;
  const Clock& clock_;
  resource::Writer writer_;
  storage::CatalogCache catalogs_;
  resource::Resource tenants_, pipelines_, stages_, teams_, memberships_, users_, tags_, lost_reasons_, products_,
      contacts_, leads_, activities_;
};

}  // namespace embudo::pipeline::rpc
