#pragma once

/// Whether the row's tenant is not served. A subquery for each row: as a join it would be planned by what the queues
/// hold mostly, which is nothing. `alias` is the table's, in quotes.
#define EMBUDO_CLOSED(alias) \
  "(SELECT true FROM pipeline.tenant_closed closed WHERE closed.tenant_id = " alias ".tenant_id) IS NOT NULL"
/// For statements of workers that take due rows of any tenant: ` AND` the row is of a tenant that is served. What waits
/// for one that is suspended stays due.
#define EMBUDO_SERVED(alias) \
  " AND (SELECT true FROM pipeline.tenant_closed closed WHERE closed.tenant_id = " alias ".tenant_id) IS NULL"
