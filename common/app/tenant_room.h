#pragma once

#include <memory>
#include <string>

#include "common/app/app.h"
#include "common/tenancy/tenants.h"

namespace embudo::tenancy {

/// Binds what every service does for its tenants as such: whose calls it takes and how many of them, what it keeps of
/// calls, the export and the purge of a tenant's rows. Returns what it knows of its tenants.
std::shared_ptr<Tenants> Bind(const app::Environment& environment, app::Bindings& bindings);

/// Of the installation's flags.
Tenants::Options OptionsOf(const app::Config& config);
/// `embudo.<service>.v1.TenantDataService`, which exports the rows of the service's schema. `pool`, of the worker role,
/// outlives it.
std::unique_ptr<rpc::Service> MakeDataService(const std::string& service, db::Pool& pool);

}  // namespace embudo::tenancy
