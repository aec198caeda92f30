-- What imports wrote, so that each can be taken back: a row for every record that it created or changed, written in the
-- transaction of the change.
CREATE TABLE pipeline.import_write (
    tenant_id text COLLATE "C" NOT NULL,
    import_id uuid NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    -- Resource name.
    record text COLLATE "C" NOT NULL,
    created boolean NOT NULL,
    -- The record's revision after the change: while it has that one, nobody else has changed it.
    revision bigint NOT NULL,
    -- Of a changed record: the paths, and serialised records with their values before and after.
    fields text[] NOT NULL,
    before bytea,
    after bytea,
    -- By which undo it was dealt with, and how: DELETED, RESTORED or empty; and why something was left alone, and what.
    undo_id uuid,
    outcome text NOT NULL DEFAULT '',
    kept_reason text NOT NULL DEFAULT '',
    kept_fields text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, import_id, seq)
);
CREATE INDEX import_write_record ON pipeline.import_write (tenant_id, import_id, record);
CREATE INDEX import_write_open ON pipeline.import_write (tenant_id, import_id, seq) WHERE undo_id IS NULL;

-- What the log was told of each import.
CREATE TABLE pipeline.import_step (
    tenant_id text COLLATE "C" NOT NULL,
    import_id uuid NOT NULL,
    step text NOT NULL,
    PRIMARY KEY (tenant_id, import_id, step)
);

-- Stays in stages from before a lead came here, as other systems kept them.
CREATE TABLE pipeline.imported_stay (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    enter_time timestamptz NOT NULL,
    stage text COLLATE "C" NOT NULL,
    import_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, lead_id, enter_time),
    FOREIGN KEY (tenant_id, lead_id) REFERENCES pipeline.lead ON DELETE CASCADE
);
CREATE INDEX imported_stay_import ON pipeline.imported_stay (tenant_id, import_id);

-- Imports that are asked to find leads by phone number.
CREATE INDEX IF NOT EXISTS lead_phone ON pipeline.lead (tenant_id, phone) WHERE phone <> '';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['import_write', 'import_step', 'imported_stay'] LOOP
        EXECUTE format('ALTER TABLE pipeline.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY worker ON pipeline.%I TO pipeline_worker USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY tenant ON pipeline.%I TO pipeline_rpc
            USING (tenant_id = current_setting(''embudo.tenant'', true))
            WITH CHECK (tenant_id = current_setting(''embudo.tenant'', true))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON pipeline.%I TO pipeline_rpc, pipeline_worker', name);
    END LOOP;
END
$$;
