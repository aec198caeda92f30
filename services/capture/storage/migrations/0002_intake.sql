-- What came in byte by byte, where it did not come by a call: kept apart, so that lists of submissions do not read it.
-- Not compressed, so that a piece of it can be read without the rest.
CREATE TABLE capture.submission_raw (
    tenant_id text COLLATE "C" NOT NULL,
    submission_id uuid NOT NULL,
    content_type text NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (tenant_id, submission_id),
    FOREIGN KEY (tenant_id, submission_id) REFERENCES capture.submission ON DELETE CASCADE
);
ALTER TABLE capture.submission_raw ALTER COLUMN bytes SET STORAGE EXTERNAL;

ALTER TABLE capture.submission
    ADD COLUMN raw_content_type text NOT NULL DEFAULT '',
    ADD COLUMN raw_size bigint NOT NULL DEFAULT 0,
    -- A serialised Submission with what else was found: duplicates, warnings.
    ADD COLUMN findings bytea NOT NULL DEFAULT '',
    -- NULL: it went to no lead.
    ALTER COLUMN lead_id DROP NOT NULL;
UPDATE capture.submission SET lead_id = NULL WHERE outcome = 'REJECTED';

-- What broke off is taken up again.
CREATE INDEX submission_unfinished ON capture.submission (create_time) WHERE outcome = '';

-- The leads as their last event told them: what they are found by (external ids, address, phone, the company's domain,
-- blocks of names), and what they are compared by.
CREATE TABLE capture.known_lead (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    state text NOT NULL,
    company_name text NOT NULL,
    contact_name text NOT NULL,
    -- Its rows of lead_key, as `kind=key`.
    keys text[] NOT NULL,
    PRIMARY KEY (tenant_id, lead_id)
);
CREATE TABLE capture.lead_key (
    tenant_id text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, key, lead_id)
);
CREATE INDEX dedupe_key_lead ON capture.dedupe_key (tenant_id, lead_id);

-- A tenant's CaptureSettings, serialised; a tenant without a row has none of its own.
CREATE TABLE capture.settings (
    tenant_id text COLLATE "C" PRIMARY KEY,
    data bytea NOT NULL,
    revision bigint NOT NULL
);

-- The consumer of the log that keeps known_lead.
CREATE TABLE capture.consumer_checkpoint (
    consumer text NOT NULL,
    partition smallint NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    holder text,
    lease_until timestamptz,
    PRIMARY KEY (consumer, partition)
) WITH (fillfactor = 50);
CREATE TABLE capture.dead_letter (
    consumer text NOT NULL,
    partition smallint NOT NULL,
    position bigint NOT NULL,
    error text NOT NULL,
    data bytea NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, partition, position)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON capture.consumer_checkpoint, capture.dead_letter TO capture_worker;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['submission_raw', 'known_lead', 'lead_key', 'settings'] LOOP
        EXECUTE format('ALTER TABLE capture.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY worker ON capture.%I TO capture_worker USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY tenant ON capture.%I TO capture_rpc
            USING (tenant_id = current_setting(''embudo.tenant'', true))
            WITH CHECK (tenant_id = current_setting(''embudo.tenant'', true))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON capture.%I TO capture_worker', name);
        EXECUTE format('GRANT SELECT ON capture.%I TO capture_rpc', name);
    END LOOP;
END
$$;
GRANT INSERT ON capture.submission_raw TO capture_rpc;
GRANT INSERT, UPDATE ON capture.settings TO capture_rpc;
