-- Who gets which leads: territories, what assignment goes by, the decisions that were taken, and long-running work.

CREATE TABLE automation.territory (
    tenant_id text COLLATE "C" NOT NULL,
    territory_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    filter text NOT NULL,
    position int NOT NULL,
    team_id text COLLATE "C",
    users text[] NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, territory_id)
);

CREATE TABLE automation.assignment_settings (
    tenant_id text COLLATE "C" NOT NULL,
    assignment_settings_id text COLLATE "C" NOT NULL,
    working_hours jsonb NOT NULL,
    teams jsonb NOT NULL,
    daily boolean NOT NULL,
    daily_time jsonb,
    last_daily_date text NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, assignment_settings_id)
);
CREATE INDEX assignment_settings_daily ON automation.assignment_settings (tenant_id) WHERE daily;

CREATE TABLE automation.assignment_decision (
    tenant_id text COLLATE "C" NOT NULL,
    assignment_decision_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    owner_id text COLLATE "C" NOT NULL,
    team_id text COLLATE "C",
    strategy text NOT NULL,
    reason text NOT NULL,
    cause text COLLATE "C" NOT NULL,
    state text NOT NULL,
    create_time timestamptz NOT NULL,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, assignment_decision_id)
) WITH (fillfactor = 80);
CREATE INDEX assignment_decision_lead ON automation.assignment_decision (tenant_id, lead_id);
CREATE INDEX assignment_decision_time ON automation.assignment_decision (tenant_id, create_time);
-- Those that the pipeline may not show yet.
CREATE INDEX assignment_decision_pending ON automation.assignment_decision (tenant_id, owner_id)
    WHERE state = 'DECIDED';

-- The turn in which a user was last chosen from a pool that is no team: a territory, a route.
CREATE TABLE automation.pool_turn (
    tenant_id text COLLATE "C" NOT NULL,
    pool text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    last_turn bigint NOT NULL,
    PRIMARY KEY (tenant_id, pool, user_id)
) WITH (fillfactor = 50);

-- Kept from events: time zones of users that have one of their own.
CREATE TABLE automation.user_time_zone (
    tenant_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    time_zone text NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);

-- Long-running work. The row is the truth; one worker at a time holds it, until lease_until.
CREATE TABLE automation.operation (
    tenant_id text COLLATE "C" NOT NULL,
    operation_id uuid NOT NULL,
    -- embudo.automation.v1.AssignLeadsRequest
    request bytea NOT NULL,
    state text NOT NULL,
    total bigint NOT NULL DEFAULT 0,
    done bigint NOT NULL DEFAULT 0,
    cancel_requested boolean NOT NULL DEFAULT false,
    lease_until timestamptz NOT NULL,
    -- embudo.automation.v1.AssignLeadsSummary
    response bytea,
    -- google.rpc.Status
    error bytea,
    create_time timestamptz NOT NULL,
    end_time timestamptz,
    PRIMARY KEY (tenant_id, operation_id)
);
CREATE INDEX operation_open ON automation.operation (create_time) WHERE state IN ('QUEUED', 'RUNNING');
CREATE INDEX operation_create_time ON automation.operation (tenant_id, create_time, operation_id);

DO $$
DECLARE
    t regclass;
BEGIN
    FOREACH t IN ARRAY ARRAY['automation.territory', 'automation.assignment_settings',
                             'automation.assignment_decision', 'automation.pool_turn', 'automation.user_time_zone',
                             'automation.operation']::regclass[] LOOP
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
GRANT INSERT, UPDATE, DELETE ON automation.territory, automation.assignment_settings, automation.operation
    TO automation_rpc;
