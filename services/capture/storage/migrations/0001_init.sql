-- The capture service's schema. Every key begins with tenant_id; every table is under row-level security, which reads
-- the setting embudo.tenant.

-- What came in by any channel, as it came (a serialised CaptureLeadRequest), and what became of it. The outcome is
-- empty
-- while it is being worked on; lead_id is then the id that a new lead would get.
CREATE TABLE capture.submission (
    tenant_id text COLLATE "C" NOT NULL,
    submission_id uuid NOT NULL,
    channel text NOT NULL,
    outcome text NOT NULL,
    lead_id uuid NOT NULL,
    reason text NOT NULL,
    request bytea NOT NULL,
    request_id uuid,
    request_hash bytea NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, submission_id)
);
CREATE UNIQUE INDEX submission_request ON capture.submission (tenant_id, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX submission_lead ON capture.submission (tenant_id, lead_id, submission_id);

-- Which lead an external id or a mail address belongs to. Claimed before the lead is made, so that two captures that
-- race
-- each other end as one lead.
CREATE TABLE capture.dedupe_key (
    tenant_id text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    key text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, kind, key)
);

-- Uploaded files, in pieces. One that is not complete was given up on its way.
CREATE TABLE capture.file (
    tenant_id text COLLATE "C" NOT NULL,
    file_id uuid NOT NULL,
    filename text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL,
    complete boolean NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, file_id)
);

CREATE TABLE capture.file_chunk (
    tenant_id text COLLATE "C" NOT NULL,
    file_id uuid NOT NULL,
    number int NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (tenant_id, file_id, number),
    FOREIGN KEY (tenant_id, file_id) REFERENCES capture.file ON DELETE CASCADE
);

-- Imports: what was asked for, how far it is (a serialised ImportMetadata), and who works on it until when.
CREATE TABLE capture.import_job (
    tenant_id text COLLATE "C" NOT NULL,
    import_id uuid NOT NULL,
    file_id uuid NOT NULL,
    actor text NOT NULL,
    mapping bytea NOT NULL,
    dry_run boolean NOT NULL,
    -- QUEUED, RUNNING, SUCCEEDED, FAILED or CANCELLED.
    state text NOT NULL,
    progress bytea NOT NULL,
    -- RECORDS: the first reading; LINKS: the second one. `position` rows of it are done.
    phase text NOT NULL,
    position bigint NOT NULL,
    -- A serialised google.rpc.Status, if it failed.
    error bytea NOT NULL,
    cancel_requested boolean NOT NULL,
    -- Times that somebody took the job up.
    attempts int NOT NULL,
    lease_owner text NOT NULL,
    lease_until timestamptz,
    request_id uuid,
    request_hash bytea NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, import_id),
    FOREIGN KEY (tenant_id, file_id) REFERENCES capture.file
);
CREATE UNIQUE INDEX import_job_request ON capture.import_job (tenant_id, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX import_job_due ON capture.import_job (create_time) WHERE state IN ('QUEUED', 'RUNNING');

-- Rows that an import refused, as CSV lines with their reason.
CREATE TABLE capture.import_refusal (
    tenant_id text COLLATE "C" NOT NULL,
    import_id uuid NOT NULL,
    row_number bigint NOT NULL,
    line text NOT NULL,
    PRIMARY KEY (tenant_id, import_id, row_number),
    FOREIGN KEY (tenant_id, import_id) REFERENCES capture.import_job ON DELETE CASCADE
);

DO $$
DECLARE
    t record;
BEGIN
    FOR t IN
        SELECT c.oid::regclass AS name FROM pg_class c
        WHERE c.relnamespace = 'capture'::regnamespace AND c.relkind = 'r' AND c.relname <> 'migration'
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t.name);
        EXECUTE format('CREATE POLICY worker ON %s TO capture_worker USING (true) WITH CHECK (true)', t.name);
        EXECUTE format($p$CREATE POLICY tenant ON %s TO capture_rpc
            USING (tenant_id = current_setting('embudo.tenant', true))
            WITH CHECK (tenant_id = current_setting('embudo.tenant', true))$p$, t.name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO capture_worker', t.name);
        EXECUTE format('GRANT SELECT ON %s TO capture_rpc', t.name);
    END LOOP;
END
$$;
GRANT INSERT, UPDATE ON capture.submission, capture.dedupe_key, capture.import_job TO capture_rpc;
GRANT INSERT, UPDATE, DELETE ON capture.file TO capture_rpc;
GRANT INSERT ON capture.file_chunk TO capture_rpc;
GRANT SELECT ON capture.migration TO capture_rpc, capture_worker;
