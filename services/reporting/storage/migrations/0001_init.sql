-- The reporting service's schema: what reports are made of, kept from the log of events. Nothing here is the truth;
-- emptied, with the checkpoints set to 0, it is made again. Keys begin with tenant_id, and row-level security reads the
-- setting embudo.tenant.

-- One row a lead that is not deleted. The columns are those of pipeline.lead, so that one mapping from the proto serves
-- both, and filters mean the same in lists and in reports.
CREATE TABLE reporting.lead (
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
    PRIMARY KEY (tenant_id, lead_id)
);

-- The records that leads refer to (stages, teams, users, products, companies …): what a report calls them, and by which
-- texts filters find them. Those of a deleted record stay, since closed leads still refer to it.
CREATE TABLE reporting.name (
    tenant_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    -- Its place among its like, for stages.
    sequence int NOT NULL,
    -- The record's fields, in protobuf's JSON form.
    data jsonb NOT NULL,
    PRIMARY KEY (tenant_id, name)
);
CREATE INDEX name_display_name ON reporting.name (tenant_id, type, display_name);

CREATE TABLE reporting.tenant (
    tenant_id text COLLATE "C" PRIMARY KEY,
    currency_code text NOT NULL,
    time_zone text NOT NULL
);

CREATE TABLE reporting.consumer_checkpoint (
    consumer text NOT NULL,
    partition smallint NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    holder text,
    lease_until timestamptz,
    PRIMARY KEY (consumer, partition)
) WITH (fillfactor = 50);
CREATE TABLE reporting.dead_letter (
    consumer text NOT NULL,
    partition smallint NOT NULL,
    position bigint NOT NULL,
    error text NOT NULL,
    data bytea NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, partition, position)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON reporting.consumer_checkpoint, reporting.dead_letter TO reporting_worker;

DO $$
DECLARE
    t regclass;
BEGIN
    FOREACH t IN ARRAY ARRAY['reporting.lead', 'reporting.name', 'reporting.tenant']::regclass[] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY worker ON %s TO reporting_worker USING (true) WITH CHECK (true)', t);
        EXECUTE format($p$CREATE POLICY tenant ON %s TO reporting_rpc
            USING (tenant_id = current_setting('embudo.tenant', true))
            WITH CHECK (tenant_id = current_setting('embudo.tenant', true))$p$, t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO reporting_worker', t);
        -- Calls only read.
        EXECUTE format('GRANT SELECT ON %s TO reporting_rpc', t);
    END LOOP;
END
$$;
