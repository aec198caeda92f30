-- The installation's tenants as operators list them, and how much each service keeps of them.

-- Under the rights, and the row-level security, of who asks.
CREATE VIEW pipeline.tenant_overview WITH (security_invoker = true) AS
SELECT t.tenant_id, t.display_name, t.currency_code, t.time_zone, t.create_time, coalesce(s.state, 'ACTIVE') AS state,
    coalesce(s.reason, '') AS reason, s.suspend_time, s.delete_time, s.purge_time, t.revision, t.version
FROM pipeline.tenant t LEFT JOIN pipeline.tenant_standing s USING (tenant_id);
GRANT SELECT ON pipeline.tenant_overview TO pipeline_worker;

-- What other services keep of a tenant, as they counted it last.
CREATE TABLE pipeline.storage_use (
    tenant_id text COLLATE "C" NOT NULL,
    service text COLLATE "C" NOT NULL,
    bytes bigint NOT NULL,
    measure_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, service)
);
ALTER TABLE pipeline.storage_use ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON pipeline.storage_use TO pipeline_worker USING (true) WITH CHECK (true);
CREATE POLICY tenant ON pipeline.storage_use TO pipeline_rpc
    USING (tenant_id = current_setting('embudo.tenant', true))
    WITH CHECK (tenant_id = current_setting('embudo.tenant', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON pipeline.storage_use TO pipeline_worker;
GRANT SELECT ON pipeline.storage_use TO pipeline_rpc;
