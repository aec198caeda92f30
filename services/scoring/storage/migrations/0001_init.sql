-- The scoring service's schema. Every key begins with tenant_id; every table of a tenant is under row-level security,
-- which reads the setting embudo.tenant.

CREATE TABLE scoring.criterion (
    tenant_id text COLLATE "C" NOT NULL,
    criterion_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    filter text NOT NULL,
    points int NOT NULL,
    group_key text NOT NULL,
    group_limit int NOT NULL,
    disabled boolean NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, criterion_id)
);

-- One row a tenant. Its lock is held while the tenant's leads and frequencies change, so that changes come one after
-- the
-- other.
CREATE TABLE scoring.config (
    tenant_id text COLLATE "C" PRIMARY KEY,
    -- Variables of the naive Bayes model beside the stage.
    variables text[] NOT NULL,
    -- Leads created before it are not counted. NULL: all are.
    start_date date,
    -- Count all anew every day, and score all open leads after that (which also lets the days pass in criteria).
    daily_rebuild boolean NOT NULL DEFAULT true,
    rebuild_due timestamptz
);
CREATE INDEX config_rebuild_due ON scoring.config (rebuild_due) WHERE rebuild_due IS NOT NULL;

-- The stages of the tenant's pipelines, from events.
CREATE TABLE scoring.stage (
    tenant_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    pipeline text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    sequence int NOT NULL,
    is_won boolean NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

-- The tenant's leads as their last event told them, so that scoring and counting ask nobody.
CREATE TABLE scoring.lead (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    state text NOT NULL,
    -- Open and not archived.
    scored boolean NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (tenant_id, lead_id)
);

-- What each won or lost lead added to the frequencies: exactly that is taken away when it opens again.
CREATE TABLE scoring.closed_lead (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    state text NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    -- [[variable, value], ...]
    couples jsonb NOT NULL,
    PRIMARY KEY (tenant_id, lead_id)
);

-- team_id '' counts leads without team.
CREATE TABLE scoring.frequency (
    tenant_id text COLLATE "C" NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    variable text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    won numeric(16, 1) NOT NULL,
    lost numeric(16, 1) NOT NULL,
    PRIMARY KEY (tenant_id, team_id, variable, value)
);

-- Leads to be scored. A worker leases rows and deletes them when pipeline has the scores, unless a newer mark has
-- raised
-- the generation meanwhile. Bulk marks (a whole tenant) wait behind those of single changes.
CREATE TABLE scoring.pending (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    generation bigint NOT NULL DEFAULT 1,
    bulk boolean NOT NULL,
    mark_time timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (tenant_id, lead_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX pending_order ON scoring.pending (tenant_id, bulk, mark_time);

-- Answers to calls that bore a request_id (AIP-155), kept for 24 hours.
CREATE TABLE scoring.request (
    tenant_id text COLLATE "C" NOT NULL,
    request_id uuid NOT NULL,
    method text NOT NULL,
    body_hash bytea NOT NULL,
    response bytea NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, request_id)
);
CREATE INDEX request_create_time ON scoring.request (create_time);

DO $$
DECLARE
    t regclass;
BEGIN
    FOR t IN
        SELECT oid::regclass FROM pg_class
        WHERE relnamespace = 'scoring'::regnamespace AND relkind = 'r' AND relname <> 'migration'
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY worker ON %s TO scoring_worker USING (true) WITH CHECK (true)', t);
        EXECUTE format($p$CREATE POLICY tenant ON %s TO scoring_rpc
            USING (tenant_id = current_setting('embudo.tenant', true))
            WITH CHECK (tenant_id = current_setting('embudo.tenant', true))$p$, t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO scoring_rpc, scoring_worker', t);
    END LOOP;
END
$$;
GRANT SELECT ON scoring.migration TO scoring_rpc, scoring_worker;

CREATE TABLE scoring.consumer_checkpoint (
    consumer text NOT NULL,
    partition smallint NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    holder text,
    lease_until timestamptz,
    PRIMARY KEY (consumer, partition)
) WITH (fillfactor = 50);
CREATE TABLE scoring.dead_letter (
    consumer text NOT NULL,
    partition smallint NOT NULL,
    position bigint NOT NULL,
    error text NOT NULL,
    data bytea NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, partition, position)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON scoring.consumer_checkpoint, scoring.dead_letter TO scoring_worker;
