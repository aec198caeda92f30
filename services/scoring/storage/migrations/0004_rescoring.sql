-- Whole tenants that are to be scored again. A worker marks their leads in pieces, in the order of their ids; so who
-- asks for it writes one row and waits for nobody. A rescoring that a job tells of has the job's id.
CREATE TABLE scoring.rescoring (
    tenant_id text COLLATE "C" NOT NULL,
    rescoring_id uuid NOT NULL,
    -- The last lead that was marked. Those of a tenant that are at the same lead go on together.
    after uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    -- Leads there were when it was asked for, and those that were marked.
    total bigint NOT NULL,
    marked bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, rescoring_id)
) WITH (fillfactor = 50);

ALTER TABLE scoring.rescoring ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON scoring.rescoring TO scoring_worker USING (true) WITH CHECK (true);
CREATE POLICY tenant ON scoring.rescoring TO scoring_rpc
    USING (tenant_id = current_setting('embudo.tenant', true))
    WITH CHECK (tenant_id = current_setting('embudo.tenant', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON scoring.rescoring TO scoring_rpc, scoring_worker;
