-- The automation service's schema: rules, their runs, and what it keeps from the log of events to decide with. Keys
-- begin with tenant_id, and row-level security reads the setting embudo.tenant.

CREATE TABLE automation.rule (
    tenant_id text COLLATE "C" NOT NULL,
    rule_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    enabled boolean NOT NULL,
    trigger jsonb NOT NULL,
    condition text NOT NULL,
    actions jsonb NOT NULL,
    include_imports boolean NOT NULL,
    rule_version bigint NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, rule_id)
);

-- The rules as runs have used them: a run stays on the version that it began with.
CREATE TABLE automation.rule_version (
    tenant_id text COLLATE "C" NOT NULL,
    rule_id text COLLATE "C" NOT NULL,
    rule_version bigint NOT NULL,
    -- embudo.automation.v1.Rule
    rule bytea NOT NULL,
    PRIMARY KEY (tenant_id, rule_id, rule_version),
    FOREIGN KEY (tenant_id, rule_id) REFERENCES automation.rule
);

-- One rule's answer to one event. next_attempt_time is when a worker takes it up: the due time of one that waits, the
-- end of the lease of one that runs, NULL for one that is over.
CREATE TABLE automation.run (
    tenant_id text COLLATE "C" NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    rule_id text COLLATE "C" NOT NULL,
    rule_version bigint NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    event_type text NOT NULL,
    event_time timestamptz NOT NULL,
    event_date date NOT NULL,
    lead_id uuid NOT NULL,
    depth int NOT NULL,
    state text NOT NULL,
    attempts int NOT NULL,
    next_attempt_time timestamptz,
    results jsonb NOT NULL,
    error text NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    end_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, run_id),
    UNIQUE (tenant_id, rule_id, rule_version, event_id),
    FOREIGN KEY (tenant_id, rule_id, rule_version) REFERENCES automation.rule_version
) WITH (fillfactor = 80);
CREATE INDEX run_due ON automation.run (next_attempt_time) WHERE next_attempt_time IS NOT NULL;
CREATE INDEX run_create_time ON automation.run (tenant_id, create_time, run_id);
CREATE INDEX run_lead ON automation.run (tenant_id, lead_id);
CREATE INDEX run_dead ON automation.run (tenant_id, create_time) WHERE state = 'DEAD';

-- Kept from events: who can be assigned leads.
CREATE TABLE automation.member (
    tenant_id text COLLATE "C" NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    membership_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    capacity int NOT NULL,
    assignment_filter text NOT NULL,
    paused boolean NOT NULL,
    -- The team's turn in which the member was last chosen; not from an event.
    last_turn bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, team_id, membership_id)
) WITH (fillfactor = 50);
CREATE TABLE automation.disabled_user (
    tenant_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);

-- The number of the last turn of each team. Its row lock makes concurrent assignments to a team take their turns.
CREATE TABLE automation.rotation (
    tenant_id text COLLATE "C" NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    turn bigint NOT NULL,
    PRIMARY KEY (tenant_id, team_id)
) WITH (fillfactor = 50);

-- Kept from events: what stages, teams, users, tags … are called, for conditions such as stage.display_name =
-- "Proposal".
CREATE TABLE automation.name (
    tenant_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    PRIMARY KEY (tenant_id, name)
);
CREATE INDEX name_display_name ON automation.name (tenant_id, type, display_name);

CREATE TABLE automation.tenant (
    tenant_id text COLLATE "C" PRIMARY KEY,
    time_zone text NOT NULL DEFAULT 'UTC',
    -- Counts the changes of automation.name: compiled conditions hold what names stood for.
    names_version bigint NOT NULL DEFAULT 0
);

-- Every event that the service has taken in, counted in the transaction that takes it in.
CREATE TABLE automation.event_count (
    tenant_id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (tenant_id, type)
) WITH (fillfactor = 50);

-- Answers to calls that bore a request_id (AIP-155), kept for 24 hours.
CREATE TABLE automation.request (
    tenant_id text COLLATE "C" NOT NULL,
    request_id uuid NOT NULL,
    method text NOT NULL,
    body_hash bytea NOT NULL,
    response bytea NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, request_id)
);
CREATE INDEX request_create_time ON automation.request (create_time);

CREATE TABLE automation.consumer_checkpoint (
    consumer text NOT NULL,
    partition smallint NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    holder text,
    lease_until timestamptz,
    PRIMARY KEY (consumer, partition)
) WITH (fillfactor = 50);
CREATE TABLE automation.dead_letter (
    consumer text NOT NULL,
    partition smallint NOT NULL,
    position bigint NOT NULL,
    error text NOT NULL,
    data bytea NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, partition, position)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON automation.consumer_checkpoint, automation.dead_letter TO automation_worker;

-- A time zone that PostgreSQL knows: this one, or else UTC.
CREATE FUNCTION automation.known_time_zone(zone text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
BEGIN
    PERFORM now() AT TIME ZONE zone;
    RETURN zone;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN 'UTC';
END
$$;
GRANT EXECUTE ON FUNCTION automation.known_time_zone TO automation_worker;

DO $$
DECLARE
    t regclass;
BEGIN
    FOREACH t IN ARRAY ARRAY['automation.rule', 'automation.rule_version', 'automation.run', 'automation.member',
                             'automation.disabled_user', 'automation.rotation', 'automation.name', 'automation.tenant',
                             'automation.event_count', 'automation.request']::regclass[] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY worker ON %s TO automation_worker USING (true) WITH CHECK (true)', t);
        EXECUTE format($p$CREATE POLICY tenant ON %s TO automation_rpc
            USING (tenant_id = current_setting('embudo.tenant', true))
            WITH CHECK (tenant_id = current_setting('embudo.tenant', true))$p$, t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO automation_worker', t);
        EXECUTE format('GRANT SELECT ON %s TO automation_rpc', t);
    END LOOP;
END
$$;
GRANT INSERT, UPDATE, DELETE ON automation.rule, automation.run, automation.request TO automation_rpc;
GRANT SELECT ON automation.migration TO automation_rpc, automation_worker;
