-- Where leads come from: campaigns, UTM sources and mediums, which leads and touches name by their codes, and the
-- touches.

CREATE TABLE pipeline.campaign (
    tenant_id text COLLATE "C" NOT NULL,
    campaign_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    code text COLLATE "C" NOT NULL,
    cost numeric,
    cost_currency text,
    start_date date,
    end_date date,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, campaign_id)
);
CREATE UNIQUE INDEX campaign_code ON pipeline.campaign (tenant_id, code) WHERE delete_time IS NULL;

CREATE TABLE pipeline.utm_source (
    tenant_id text COLLATE "C" NOT NULL,
    utm_source_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    code text COLLATE "C" NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, utm_source_id)
);
CREATE UNIQUE INDEX utm_source_code ON pipeline.utm_source (tenant_id, code) WHERE delete_time IS NULL;

CREATE TABLE pipeline.utm_medium (
    tenant_id text COLLATE "C" NOT NULL,
    utm_medium_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    code text COLLATE "C" NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, utm_medium_id)
);
CREATE UNIQUE INDEX utm_medium_code ON pipeline.utm_medium (tenant_id, code) WHERE delete_time IS NULL;

CREATE TABLE pipeline.touch (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    touch_id uuid NOT NULL,
    channel text NOT NULL,
    touch_time timestamptz NOT NULL,
    source text NOT NULL,
    medium text NOT NULL,
    campaign text NOT NULL,
    landing_page text NOT NULL,
    referrer text NOT NULL,
    click_ids jsonb,
    submission text NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, lead_id, touch_id),
    FOREIGN KEY (tenant_id, lead_id) REFERENCES pipeline.lead
);
CREATE INDEX touch_time ON pipeline.touch (tenant_id, lead_id, touch_time, touch_id);

-- What every table of a tenant has.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['campaign', 'utm_source', 'utm_medium', 'touch'] LOOP
        EXECUTE format('ALTER TABLE pipeline.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY worker ON pipeline.%I TO pipeline_worker USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY tenant ON pipeline.%I TO pipeline_rpc
            USING (tenant_id = current_setting(''embudo.tenant'', true))
            WITH CHECK (tenant_id = current_setting(''embudo.tenant'', true))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON pipeline.%I TO pipeline_rpc, pipeline_worker', name);
    END LOOP;
END
$$;
