-- What hangs on leads, sums that are kept of it all, forecasts as they were, and dashboards.

-- What representatives see: the own leads, those of their teams, and those that others share with them.
CREATE INDEX lead_owner ON reporting.lead (tenant_id, owner_id);
CREATE INDEX lead_team ON reporting.lead (tenant_id, team_id);
CREATE INDEX lead_shared ON reporting.lead (tenant_id) WHERE collaborators <> '{}' OR followers <> '{}';

CREATE TABLE reporting.activity (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    activity_id uuid NOT NULL,
    type text NOT NULL,
    activity_type_id text COLLATE "C",
    assignee_id text COLLATE "C",
    state text NOT NULL,
    due_date date,
    done_time timestamptz,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, lead_id, activity_id)
);

CREATE TABLE reporting.touch (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    touch_id uuid NOT NULL,
    touch_time timestamptz NOT NULL,
    channel text NOT NULL,
    source text NOT NULL,
    medium text NOT NULL,
    campaign text NOT NULL,
    PRIMARY KEY (tenant_id, lead_id, touch_id)
);

-- One row a lead and stage that it has been in.
CREATE TABLE reporting.stay (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    pipeline_id text COLLATE "C" NOT NULL,
    stage_id text COLLATE "C" NOT NULL,
    -- When it last came there; NULL while it is not there, or is closed.
    enter_time timestamptz,
    -- Stays that have ended, and how long they were, in seconds.
    stays bigint NOT NULL,
    seconds bigint NOT NULL,
    -- The stages that it came to afterwards, sorted: `pipeline/stage`.
    later text[] COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, lead_id, pipeline_id, stage_id)
);

-- A sum that is kept: of what (`lead`, `activity`, `stay`), and by which columns.
CREATE TABLE reporting.rollup (
    tenant_id text COLLATE "C" NOT NULL,
    rollup_id bigint GENERATED ALWAYS AS IDENTITY,
    cube text COLLATE "C" NOT NULL,
    columns text[] COLLATE "C" NOT NULL,
    -- BUILDING: changes are added already, what was there before is not. READY. TOO_FINE: it has too many rows to be of
    -- use, and is not kept.
    phase text NOT NULL,
    row_count bigint NOT NULL DEFAULT 0,
    create_time timestamptz NOT NULL DEFAULT now(),
    last_use_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, rollup_id)
);
CREATE INDEX rollup_columns ON reporting.rollup (tenant_id, cube, columns);

-- The rows of kept sums. Part 0 is what was there when the sum was made, part 1 what has been added since: the two add
-- up, and whoever makes the one never waits for the other.
CREATE TABLE reporting.rollup_row (
    tenant_id text COLLATE "C" NOT NULL,
    rollup_id bigint NOT NULL,
    part smallint NOT NULL,
    -- MD5 of the key, which may be longer than an index takes.
    key_id uuid NOT NULL,
    -- The values of kind, state, archived and the rollup's columns, as text; '' for none.
    key text[] COLLATE "C" NOT NULL,
    -- What they count and sum is the cube's.
    c1 bigint NOT NULL,
    c2 bigint NOT NULL,
    c3 bigint NOT NULL,
    c4 bigint NOT NULL,
    c5 bigint NOT NULL,
    a1 numeric NOT NULL,
    a2 numeric NOT NULL,
    a3 numeric NOT NULL,
    a4 numeric NOT NULL,
    PRIMARY KEY (tenant_id, rollup_id, part, key_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE reporting.forecast_snapshot (
    tenant_id text COLLATE "C" NOT NULL,
    -- Counts the tenant's snapshots, in their order.
    sequence bigint NOT NULL,
    snapshot_id text COLLATE "C" NOT NULL,
    create_time timestamptz NOT NULL,
    daily boolean NOT NULL,
    open_count bigint NOT NULL,
    open_revenue numeric NOT NULL,
    request_id text COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, sequence)
);
CREATE UNIQUE INDEX forecast_snapshot_id ON reporting.forecast_snapshot (tenant_id, snapshot_id);

-- What an opportunity was expected to bring, from one snapshot up to another, which has something else or nothing: only
-- what differs is written.
CREATE TABLE reporting.forecast_line (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    from_sequence bigint NOT NULL,
    -- NULL: it is as it was in the last snapshot.
    to_sequence bigint,
    state text NOT NULL,
    pipeline_id text COLLATE "C",
    stage_id text COLLATE "C",
    owner_id text COLLATE "C",
    team_id text COLLATE "C",
    -- When it is expected to close, or was closed.
    close_date date,
    forecast_category text NOT NULL,
    revenue numeric,
    weighted_revenue numeric,
    PRIMARY KEY (tenant_id, lead_id, from_sequence)
);
CREATE INDEX forecast_line_current ON reporting.forecast_line (tenant_id, lead_id) WHERE to_sequence IS NULL;

CREATE TABLE reporting.dashboard (
    tenant_id text COLLATE "C" NOT NULL,
    dashboard_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    description text NOT NULL,
    tiles jsonb NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, dashboard_id)
);

-- Answers to calls that bore a request_id (AIP-155), kept for 24 hours.
CREATE TABLE reporting.request (
    tenant_id text COLLATE "C" NOT NULL,
    request_id uuid NOT NULL,
    method text NOT NULL,
    body_hash bytea NOT NULL,
    response bytea NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, request_id)
);
CREATE INDEX request_create_time ON reporting.request (create_time);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['activity', 'touch', 'stay', 'rollup', 'rollup_row', 'forecast_snapshot',
                                'forecast_line', 'dashboard', 'request'] LOOP
        EXECUTE format('ALTER TABLE reporting.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY worker ON reporting.%I TO reporting_worker USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY tenant ON reporting.%I TO reporting_rpc
            USING (tenant_id = current_setting(''embudo.tenant'', true))
            WITH CHECK (tenant_id = current_setting(''embudo.tenant'', true))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON reporting.%I TO reporting_worker', name);
        EXECUTE format('GRANT SELECT ON reporting.%I TO reporting_rpc', name);
    END LOOP;
END
$$;
GRANT INSERT, UPDATE, DELETE ON reporting.dashboard, reporting.request, reporting.forecast_snapshot,
    reporting.forecast_line TO reporting_rpc;
GRANT SELECT ON reporting.migration TO reporting_rpc, reporting_worker;
