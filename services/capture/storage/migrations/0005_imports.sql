-- Imports that take another import back, and what became of each row of an import.
ALTER TABLE capture.import_job ADD COLUMN undoes uuid;

-- The results of rows, many to a row of this table: one line of text each, in the order of the file.
CREATE TABLE capture.import_result (
    tenant_id text COLLATE "C" NOT NULL,
    import_id uuid NOT NULL,
    first_row bigint NOT NULL,
    last_row bigint NOT NULL,
    lines text NOT NULL,
    PRIMARY KEY (tenant_id, import_id, first_row),
    FOREIGN KEY (tenant_id, import_id) REFERENCES capture.import_job ON DELETE CASCADE
);

-- Mappings that are kept for further imports.
CREATE TABLE capture.import_mapping (
    tenant_id text COLLATE "C" NOT NULL,
    import_mapping_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    mapping jsonb,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, import_mapping_id)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['import_result', 'import_mapping'] LOOP
        EXECUTE format('ALTER TABLE capture.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY worker ON capture.%I TO capture_worker USING (true) WITH CHECK (true)', name);
        EXECUTE format($p$CREATE POLICY tenant ON capture.%I TO capture_rpc
            USING (tenant_id = current_setting('embudo.tenant', true))
            WITH CHECK (tenant_id = current_setting('embudo.tenant', true))$p$, name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON capture.%I TO capture_worker', name);
        EXECUTE format('GRANT SELECT ON capture.%I TO capture_rpc', name);
    END LOOP;
END
$$;
GRANT INSERT, UPDATE ON capture.import_mapping TO capture_rpc;
