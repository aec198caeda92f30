-- Forms and webhooks: what stands behind the addresses that anybody may call.

CREATE TABLE capture.form (
    tenant_id text COLLATE "C" NOT NULL,
    form_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    key text COLLATE "C" NOT NULL,
    disabled boolean NOT NULL,
    fields jsonb NOT NULL,
    honeypot_field text NOT NULL,
    min_fill_seconds int NOT NULL,
    consent_field text NOT NULL,
    consent_required boolean NOT NULL,
    allowed_origins text[] NOT NULL,
    redirect_uri text NOT NULL,
    rate_per_minute int NOT NULL,
    address_rate_per_minute int NOT NULL,
    team_id text COLLATE "C",
    tags text[] NOT NULL,
    source text NOT NULL,
    medium text NOT NULL,
    campaign text NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, form_id)
);
-- Keys are random: they are looked up before the tenant is known.
CREATE INDEX form_key ON capture.form (key) WHERE delete_time IS NULL;

CREATE TABLE capture.hook (
    tenant_id text COLLATE "C" NOT NULL,
    hook_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    key text COLLATE "C" NOT NULL,
    disabled boolean NOT NULL,
    signature jsonb NOT NULL,
    fields jsonb NOT NULL,
    delivery_id_header text NOT NULL,
    delivery_id_path text NOT NULL,
    rate_per_minute int NOT NULL,
    team_id text COLLATE "C",
    tags text[] NOT NULL,
    source text NOT NULL,
    medium text NOT NULL,
    campaign text NOT NULL,
    secret_time timestamptz,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, hook_id)
);
CREATE INDEX hook_key ON capture.hook (key) WHERE delete_time IS NULL;

-- What calls of a hook are signed with. The newest has no end; the one before is good for another day.
CREATE TABLE capture.hook_secret (
    tenant_id text COLLATE "C" NOT NULL,
    hook_id text COLLATE "C" NOT NULL,
    create_time timestamptz NOT NULL,
    secret bytea NOT NULL,
    expire_time timestamptz,
    PRIMARY KEY (tenant_id, hook_id, create_time),
    FOREIGN KEY (tenant_id, hook_id) REFERENCES capture.hook
);

-- Answers to calls that bore a request_id (AIP-155), kept for 24 hours.
CREATE TABLE capture.request (
    tenant_id text COLLATE "C" NOT NULL,
    request_id uuid NOT NULL,
    method text NOT NULL,
    body_hash bytea NOT NULL,
    response bytea NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, request_id)
);
CREATE INDEX request_create_time ON capture.request (create_time);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['form', 'hook', 'hook_secret', 'request'] LOOP
        EXECUTE format('ALTER TABLE capture.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY worker ON capture.%I TO capture_worker USING (true) WITH CHECK (true)', t);
        EXECUTE format($p$CREATE POLICY tenant ON capture.%I TO capture_rpc
            USING (tenant_id = current_setting('embudo.tenant', true))
            WITH CHECK (tenant_id = current_setting('embudo.tenant', true))$p$, t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON capture.%I TO capture_worker, capture_rpc', t);
    END LOOP;
END
$$;
