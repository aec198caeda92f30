-- Who is asked about a lead's company, what came of it, and what it cost.

CREATE TABLE capture.enrichment_provider (
    tenant_id text COLLATE "C" NOT NULL,
    enrichment_provider_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    disabled boolean NOT NULL,
    rank int NOT NULL,
    http jsonb,
    company_list jsonb,
    fields jsonb NOT NULL,
    credits_per_match int NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, enrichment_provider_id)
);

-- The companies of a list: the cells of the file's row by the names of their columns.
CREATE TABLE capture.company (
    tenant_id text COLLATE "C" NOT NULL,
    enrichment_provider_id text COLLATE "C" NOT NULL,
    domain text COLLATE "C" NOT NULL,
    cells jsonb NOT NULL,
    PRIMARY KEY (tenant_id, enrichment_provider_id, domain),
    FOREIGN KEY (tenant_id, enrichment_provider_id) REFERENCES capture.enrichment_provider
);

CREATE TABLE capture.enrichment (
    tenant_id text COLLATE "C" NOT NULL,
    enrichment_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    state text NOT NULL,
    reason text NOT NULL,
    domain text NOT NULL,
    provider_id text,
    filled_fields text[] NOT NULL,
    credits int NOT NULL,
    attempts jsonb NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, enrichment_id)
);
CREATE INDEX enrichment_lead ON capture.enrichment (tenant_id, lead_id, create_time);
CREATE INDEX enrichment_create_time ON capture.enrichment (tenant_id, create_time, enrichment_id);

-- Credits spent, by the month's first day in UTC.
CREATE TABLE capture.enrichment_usage (
    tenant_id text COLLATE "C" NOT NULL,
    month date NOT NULL,
    used_credits bigint NOT NULL,
    PRIMARY KEY (tenant_id, month)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['enrichment_provider', 'company', 'enrichment', 'enrichment_usage'] LOOP
        EXECUTE format('ALTER TABLE capture.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY worker ON capture.%I TO capture_worker USING (true) WITH CHECK (true)', name);
        EXECUTE format($p$CREATE POLICY tenant ON capture.%I TO capture_rpc
            USING (tenant_id = current_setting('embudo.tenant', true))
            WITH CHECK (tenant_id = current_setting('embudo.tenant', true))$p$, name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON capture.%I TO capture_worker', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON capture.%I TO capture_rpc', name);
    END LOOP;
END
$$;
GRANT DELETE ON capture.company TO capture_rpc;
