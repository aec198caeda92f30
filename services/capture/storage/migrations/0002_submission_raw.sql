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
    -- NULL: it went to no lead.
    ALTER COLUMN lead_id DROP NOT NULL;
UPDATE capture.submission SET lead_id = NULL WHERE outcome = 'REJECTED';

ALTER TABLE capture.submission_raw ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON capture.submission_raw TO capture_worker USING (true) WITH CHECK (true);
CREATE POLICY tenant ON capture.submission_raw TO capture_rpc
    USING (tenant_id = current_setting('embudo.tenant', true))
    WITH CHECK (tenant_id = current_setting('embudo.tenant', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON capture.submission_raw TO capture_worker;
GRANT SELECT, INSERT ON capture.submission_raw TO capture_rpc;
