-- What the installation decides about its tenants; who did what; how long what names persons is kept.

-- Whether a tenant is served, and how much of it. One without a row is served under the installation's limits.
CREATE TABLE pipeline.tenant_standing (
    tenant_id text COLLATE "C" PRIMARY KEY,
    state text NOT NULL DEFAULT 'ACTIVE' CHECK (state IN ('ACTIVE', 'SUSPENDED', 'DELETED', 'PURGING')),
    reason text NOT NULL DEFAULT '',
    suspend_time timestamptz,
    delete_time timestamptz,
    purge_time timestamptz,
    -- Services that keep nothing more of it, and how far this one is.
    purged text[] NOT NULL DEFAULT '{}',
    purge_step text NOT NULL DEFAULT '',
    revision bigint NOT NULL DEFAULT 1,
    -- Limits; 0: the installation's.
    reads_per_second bigint NOT NULL DEFAULT 0,
    writes_per_second bigint NOT NULL DEFAULT 0,
    bulk_per_second bigint NOT NULL DEFAULT 0,
    streams bigint NOT NULL DEFAULT 0,
    storage_bytes bigint NOT NULL DEFAULT 0,
    limits_revision bigint NOT NULL DEFAULT 1
);
CREATE INDEX tenant_standing_closed ON pipeline.tenant_standing (tenant_id) WHERE state <> 'ACTIVE';

-- What all services go by.
CREATE VIEW pipeline.tenant_state AS
SELECT tenant_id, state, purge_time, purged, reads_per_second, writes_per_second, bulk_per_second, streams,
    storage_bytes
FROM pipeline.tenant_standing;
CREATE VIEW pipeline.tenant_closed AS SELECT tenant_id FROM pipeline.tenant_standing WHERE state <> 'ACTIVE';

-- Only ever added to; the worker takes away what is older than the tenant wants.
CREATE TABLE pipeline.audit_entry (
    tenant_id text COLLATE "C" NOT NULL,
    audit_entry_id text COLLATE "C" NOT NULL,
    create_time timestamptz NOT NULL,
    actor text NOT NULL,
    roles text NOT NULL,
    method text NOT NULL,
    subject text NOT NULL,
    code text NOT NULL,
    reason text NOT NULL,
    call_id text NOT NULL,
    peer text NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, audit_entry_id)
);
CREATE INDEX audit_entry_time ON pipeline.audit_entry (tenant_id, create_time DESC, audit_entry_id);

CREATE TABLE pipeline.retention_settings (
    tenant_id text COLLATE "C" PRIMARY KEY,
    lost_lead_days int NOT NULL,
    submission_days int NOT NULL,
    mail_days int NOT NULL,
    audit_days int NOT NULL,
    update_time timestamptz NOT NULL,
    revision bigint NOT NULL
);
CREATE VIEW pipeline.retention AS
SELECT tenant_id, submission_days, mail_days FROM pipeline.retention_settings;

-- What every table of a tenant has.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['tenant_standing', 'audit_entry', 'retention_settings'] LOOP
        EXECUTE format('ALTER TABLE pipeline.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY worker ON pipeline.%I TO pipeline_worker USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY tenant ON pipeline.%I TO pipeline_rpc
            USING (tenant_id = current_setting(''embudo.tenant'', true))
            WITH CHECK (tenant_id = current_setting(''embudo.tenant'', true))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON pipeline.%I TO pipeline_worker', name);
        EXECUTE format('GRANT SELECT, INSERT ON pipeline.%I TO pipeline_rpc', name);
        EXECUTE format('CREATE POLICY record_reader ON pipeline.%I FOR SELECT TO embudo_owner USING (true)', name);
    END LOOP;
END
$$;
GRANT UPDATE ON pipeline.tenant_standing, pipeline.retention_settings TO pipeline_rpc;
GRANT SELECT ON pipeline.tenant_state, pipeline.tenant_closed, pipeline.retention TO
    pipeline_worker, capture_worker, scoring_worker, automation_worker, reporting_worker;
