-- Erasure of persons, and who must not come back by an import. What events cost less: lists of one tenant's, the
-- lane of all subscriptions.

-- A person was erased. It names nobody. Without a create_time it is still being done.
CREATE TABLE pipeline.erasure (
    tenant_id text COLLATE "C" NOT NULL,
    erasure_id text COLLATE "C" NOT NULL,
    contact_id uuid,
    leads text[] NOT NULL,
    reason text NOT NULL,
    events_rewritten bigint NOT NULL,
    records_erased bigint NOT NULL,
    create_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, erasure_id)
);

-- How far the erasure of what is derived from the records is. The row goes when it is done, and with it the addresses.
CREATE TABLE pipeline.erasure_job (
    tenant_id text COLLATE "C" NOT NULL,
    erasure_id text COLLATE "C" NOT NULL,
    actor text NOT NULL,
    -- Resource names and mail addresses of the person.
    names text[] NOT NULL,
    addresses text[] NOT NULL,
    -- The step that it is at, and the key of the last row that the step has dealt with.
    step int NOT NULL DEFAULT 0,
    after text[] NOT NULL DEFAULT '{}',
    -- Partitions of which events were rewritten, and what their streams in Redis wait for.
    partitions smallint[] NOT NULL DEFAULT '{}',
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, erasure_id)
);

-- Addresses of erased persons, as HMAC-SHA-256 under the tenant's id.
CREATE TABLE pipeline.suppression (
    tenant_id text COLLATE "C" NOT NULL,
    address_hash bytea NOT NULL,
    erasure_id text COLLATE "C" NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, address_hash)
);

-- What every table of a tenant has.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['erasure', 'erasure_job', 'suppression'] LOOP
        EXECUTE format('ALTER TABLE pipeline.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY worker ON pipeline.%I TO pipeline_worker USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY tenant ON pipeline.%I TO pipeline_rpc
            USING (tenant_id = current_setting(''embudo.tenant'', true))
            WITH CHECK (tenant_id = current_setting(''embudo.tenant'', true))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON pipeline.%I TO pipeline_rpc, pipeline_worker', name);
    END LOOP;
END
$$;

-- Events of a partition were rewritten: the relay that has it drops its stream and fills it anew, until done is wanted.
ALTER TABLE pipeline.event_head
    ADD COLUMN resend_wanted bigint NOT NULL DEFAULT 0,
    ADD COLUMN resend_done bigint NOT NULL DEFAULT 0;

CREATE INDEX event_position_tenant ON pipeline.event_position (tenant_id, partition, position);
CREATE INDEX subscription_lane_next ON pipeline.subscription_lane (next_time) WHERE park_time IS NULL;
