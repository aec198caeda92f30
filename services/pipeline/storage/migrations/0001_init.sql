-- The pipeline service's schema. Every key begins with tenant_id; every table of a tenant is under row-level security,
-- which reads the setting embudo.tenant. `revision` is the etag; `version` also counts changes that leave the etag
-- alone
-- (scores) and guards every write. The columns of a resource are named after its proto fields: a reference is
-- `<field>_id`,
-- an amount has its currency beside it.

CREATE TABLE pipeline.tenant (
    tenant_id text COLLATE "C" PRIMARY KEY,
    display_name text NOT NULL,
    currency_code text NOT NULL DEFAULT 'USD',
    time_zone text NOT NULL DEFAULT 'UTC',
    region_code text NOT NULL DEFAULT 'US',
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    revision bigint NOT NULL,
    version bigint NOT NULL
);

CREATE TABLE pipeline.pipeline (
    tenant_id text COLLATE "C" NOT NULL,
    pipeline_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    no_skipping boolean NOT NULL,
    no_going_back boolean NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, pipeline_id)
);

CREATE TABLE pipeline.stage (
    tenant_id text COLLATE "C" NOT NULL,
    pipeline_id text COLLATE "C" NOT NULL,
    stage_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    sequence int NOT NULL,
    is_won boolean NOT NULL,
    folded boolean NOT NULL,
    min_days int NOT NULL,
    max_days int NOT NULL,
    exit_criteria jsonb NOT NULL,
    required_fields text[] NOT NULL,
    default_probability double precision NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, pipeline_id, stage_id),
    FOREIGN KEY (tenant_id, pipeline_id) REFERENCES pipeline.pipeline
);

CREATE TABLE pipeline."user" (
    tenant_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    email text NOT NULL,
    roles text[] NOT NULL,
    visibility text NOT NULL,
    time_zone text NOT NULL,
    disabled boolean NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);

CREATE TABLE pipeline.team (
    tenant_id text COLLATE "C" NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    pipeline_id text COLLATE "C" NOT NULL,
    manager_id text COLLATE "C",
    parent_id text COLLATE "C",
    office text NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, team_id),
    FOREIGN KEY (tenant_id, pipeline_id) REFERENCES pipeline.pipeline,
    FOREIGN KEY (tenant_id, manager_id) REFERENCES pipeline."user",
    FOREIGN KEY (tenant_id, parent_id) REFERENCES pipeline.team
);

CREATE TABLE pipeline.membership (
    tenant_id text COLLATE "C" NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    membership_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    capacity int NOT NULL,
    assignment_filter text NOT NULL,
    paused boolean NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, team_id, membership_id),
    FOREIGN KEY (tenant_id, team_id) REFERENCES pipeline.team,
    FOREIGN KEY (tenant_id, user_id) REFERENCES pipeline."user"
);
CREATE UNIQUE INDEX membership_user ON pipeline.membership (tenant_id, team_id, user_id) WHERE delete_time IS NULL;

CREATE TABLE pipeline.tag (
    tenant_id text COLLATE "C" NOT NULL,
    tag_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, tag_id)
);

CREATE TABLE pipeline.lost_reason (
    tenant_id text COLLATE "C" NOT NULL,
    lost_reason_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, lost_reason_id)
);

CREATE TABLE pipeline.product (
    tenant_id text COLLATE "C" NOT NULL,
    product_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    series text NOT NULL,
    price numeric,
    price_currency text,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, product_id)
);

CREATE TABLE pipeline.contact (
    tenant_id text COLLATE "C" NOT NULL,
    contact_id uuid NOT NULL,
    kind text NOT NULL,
    display_name text NOT NULL,
    company_id uuid,
    email text NOT NULL,
    phone text NOT NULL,
    job_title text NOT NULL,
    industry text NOT NULL,
    headcount bigint NOT NULL,
    country text NOT NULL,
    website text NOT NULL,
    annual_revenue numeric,
    annual_revenue_currency text,
    founded_year int NOT NULL,
    external_ids jsonb NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, contact_id),
    FOREIGN KEY (tenant_id, company_id) REFERENCES pipeline.contact
);
CREATE INDEX contact_email ON pipeline.contact (tenant_id, email) WHERE email <> '';
CREATE INDEX contact_display_name ON pipeline.contact (tenant_id, display_name);
CREATE TABLE pipeline.contact_external_id (
    tenant_id text COLLATE "C" NOT NULL,
    system text COLLATE "C" NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    contact_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, system, external_id)
);

CREATE TABLE pipeline.lead (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    display_name text NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    archived boolean NOT NULL,
    lead_status text NOT NULL,
    pipeline_id text COLLATE "C",
    stage_id text COLLATE "C",
    stage_enter_time timestamptz,
    team_id text COLLATE "C",
    owner_id text COLLATE "C",
    assign_time timestamptz,
    office text NOT NULL,
    contact_id uuid,
    company_id uuid,
    contact_name text NOT NULL,
    company_name text NOT NULL,
    email text NOT NULL,
    phone text NOT NULL,
    job_title text NOT NULL,
    contact_role text NOT NULL,
    industry text NOT NULL,
    headcount bigint NOT NULL,
    country text NOT NULL,
    website text NOT NULL,
    description text NOT NULL,
    budget numeric,
    budget_currency text,
    decision_date date,
    current_solution text NOT NULL,
    pain text NOT NULL,
    expected_revenue numeric,
    expected_revenue_currency text,
    recurring_revenue numeric,
    recurring_revenue_currency text,
    recurring_months int NOT NULL,
    expected_close_date date,
    products text[] NOT NULL,
    probability double precision NOT NULL,
    automated_probability double precision NOT NULL,
    manual_probability boolean NOT NULL,
    score int NOT NULL,
    priority int NOT NULL,
    priority_source text NOT NULL,
    channel text NOT NULL,
    source text NOT NULL,
    medium text NOT NULL,
    campaign text NOT NULL,
    language text NOT NULL,
    tags text[] NOT NULL,
    custom_fields jsonb NOT NULL,
    external_ids jsonb NOT NULL,
    checklist text[] NOT NULL,
    lost_reason_id text COLLATE "C",
    lost_note text NOT NULL,
    open_time timestamptz NOT NULL,
    close_time timestamptz,
    last_touch_time timestamptz,
    next_activity_date date,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, lead_id),
    FOREIGN KEY (tenant_id, pipeline_id, stage_id) REFERENCES pipeline.stage,
    FOREIGN KEY (tenant_id, team_id) REFERENCES pipeline.team,
    FOREIGN KEY (tenant_id, owner_id) REFERENCES pipeline."user",
    FOREIGN KEY (tenant_id, contact_id) REFERENCES pipeline.contact,
    FOREIGN KEY (tenant_id, company_id) REFERENCES pipeline.contact,
    FOREIGN KEY (tenant_id, lost_reason_id) REFERENCES pipeline.lost_reason,
    CONSTRAINT lead_closed CHECK ((state = 'OPEN') = (close_time IS NULL)),
    CONSTRAINT lead_won CHECK (state <> 'WON' OR probability = 100),
    CONSTRAINT lead_lost CHECK (state <> 'LOST' OR probability = 0),
    CONSTRAINT lead_stage CHECK ((kind = 'OPPORTUNITY') = (stage_id IS NOT NULL))
);
CREATE INDEX lead_stage ON pipeline.lead (tenant_id, pipeline_id, stage_id);
CREATE INDEX lead_owner ON pipeline.lead (tenant_id, owner_id) WHERE owner_id IS NOT NULL;
CREATE INDEX lead_email ON pipeline.lead (tenant_id, email) WHERE email <> '';
CREATE TABLE pipeline.lead_external_id (
    tenant_id text COLLATE "C" NOT NULL,
    system text COLLATE "C" NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, system, external_id)
);

CREATE TABLE pipeline.activity (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    activity_id uuid NOT NULL,
    type text NOT NULL,
    summary text NOT NULL,
    note text NOT NULL,
    assignee_id text COLLATE "C",
    due_date date NOT NULL,
    state text NOT NULL,
    feedback text NOT NULL,
    done_time timestamptz,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, lead_id, activity_id),
    FOREIGN KEY (tenant_id, lead_id) REFERENCES pipeline.lead,
    FOREIGN KEY (tenant_id, assignee_id) REFERENCES pipeline."user"
);
CREATE INDEX activity_agenda ON pipeline.activity (tenant_id, assignee_id, due_date) WHERE state = 'PLANNED';

-- Answers to calls that bore a request_id (AIP-155), kept for 24 hours.
CREATE TABLE pipeline.request (
    tenant_id text COLLATE "C" NOT NULL,
    request_id uuid NOT NULL,
    method text NOT NULL,
    body_hash bytea NOT NULL,
    response bytea NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, request_id)
);
CREATE INDEX request_create_time ON pipeline.request (create_time);

-- The log. A row is written in the transaction of the change that it tells and never changed. `seq` is drawn after the
-- record's row lock is held, so for one record a later change always has the higher number.
CREATE TABLE pipeline.event (
    tenant_id text COLLATE "C" NOT NULL,
    day date NOT NULL,
    seq bigint NOT NULL,
    event_id uuid NOT NULL,
    partition smallint NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (tenant_id, day, seq)
) PARTITION BY RANGE (day);
CREATE SEQUENCE pipeline.event_seq;

-- Events that have no position yet: written with the event, taken by the relay. Reading by row, not by "above the last
-- number seen", is what makes late commits safe.
CREATE TABLE pipeline.event_pending (
    partition smallint NOT NULL,
    seq bigint NOT NULL,
    day date NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (partition, seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- The place of each event in its partition: 1, 2, 3 … without gaps.
CREATE TABLE pipeline.event_position (
    partition smallint NOT NULL,
    position bigint NOT NULL,
    day date NOT NULL,
    seq bigint NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (partition, position, day)
) PARTITION BY RANGE (day);

-- The last position that was given in each partition. The relay holds this row's lock while it gives positions.
CREATE TABLE pipeline.event_head (
    partition smallint PRIMARY KEY,
    position bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO pipeline.event_head SELECT p, 0 FROM generate_series(0, 255) AS p;

-- Secrets of the installation, made at its first start.
CREATE TABLE pipeline.setting (
    key text PRIMARY KEY,
    value bytea NOT NULL
);

-- Makes the daily partitions of the log around a day. The worker calls it at start and every hour.
CREATE FUNCTION pipeline.ensure_event_partitions(first date, last date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    d date;
    name text;
    parent text;
BEGIN
    -- One at a time: two services may start together.
    PERFORM pg_advisory_xact_lock(hashtext('embudo.event_partitions'));
    FOR d IN SELECT generate_series(first, last, interval '1 day')::date LOOP
        FOREACH parent IN ARRAY ARRAY['event', 'event_position'] LOOP
            name := parent || '_' || to_char(d, 'YYYYMMDD');
            IF to_regclass('pipeline.' || name) IS NULL THEN
                EXECUTE format('CREATE TABLE pipeline.%I PARTITION OF pipeline.%I FOR VALUES FROM (%L) TO (%L)',
                               name, parent, d, d + 1);
                EXECUTE format('ALTER TABLE pipeline.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
            END IF;
        END LOOP;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION pipeline.ensure_event_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pipeline.ensure_event_partitions TO pipeline_worker;
SELECT pipeline.ensure_event_partitions(current_date - 1, current_date + 7);

-- What other services may read of the log: events by position, to fill the gaps that a lost Redis leaves.
CREATE VIEW pipeline.event_log AS
SELECT p.partition, p.position, p.day, p.tenant_id, e.data
FROM pipeline.event_position p JOIN pipeline.event e USING (tenant_id, day, seq);

DO $$
DECLARE
    t record;
BEGIN
    FOR t IN
        SELECT c.oid::regclass AS name, a.attnum IS NOT NULL AS has_tenant, c.relkind
        FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
        WHERE c.relnamespace = 'pipeline'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'migration'
          AND NOT c.relispartition
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t.name);
        EXECUTE format('CREATE POLICY worker ON %s TO pipeline_worker USING (true) WITH CHECK (true)', t.name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO pipeline_worker', t.name);
        IF t.has_tenant AND t.name::text NOT IN ('pipeline.event_position') THEN
            EXECUTE format($p$CREATE POLICY tenant ON %s TO pipeline_rpc
                USING (tenant_id = current_setting('embudo.tenant', true))
                WITH CHECK (tenant_id = current_setting('embudo.tenant', true))$p$, t.name);
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO pipeline_rpc', t.name);
        END IF;
    END LOOP;
    -- The owner runs migrations and owns the views; FORCE would hide the rows from its views.
    FOR t IN SELECT 'pipeline.event'::regclass AS name UNION ALL SELECT 'pipeline.event_position'::regclass LOOP
        EXECUTE format('CREATE POLICY log_reader ON %s FOR SELECT TO embudo_owner USING (true)', t.name);
    END LOOP;
END
$$;
GRANT SELECT ON pipeline.migration TO pipeline_rpc, pipeline_worker;
GRANT USAGE ON SEQUENCE pipeline.event_seq TO pipeline_rpc, pipeline_worker;
GRANT SELECT ON pipeline.event_log TO
    pipeline_worker, capture_worker, scoring_worker, automation_worker, reporting_worker;
