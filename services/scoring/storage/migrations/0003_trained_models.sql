-- Leads as they looked while they were open, for models to learn from: the last look in each stage. stage '' has leads
-- without stage, and those that were closed when they were first seen.
CREATE TABLE scoring.snapshot (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    stage text COLLATE "C" NOT NULL,
    -- {variable: value}
    cells jsonb NOT NULL,
    PRIMARY KEY (tenant_id, lead_id, stage)
);

-- Work in the background. A worker holds it until lease_until.
CREATE TABLE scoring.job (
    tenant_id text COLLATE "C" NOT NULL,
    job_id uuid NOT NULL,
    -- TRAINING, RESCORING
    kind text NOT NULL,
    -- QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED
    state text NOT NULL,
    total bigint NOT NULL DEFAULT 0,
    done bigint NOT NULL DEFAULT 0,
    cancel_requested boolean NOT NULL DEFAULT false,
    create_time timestamptz NOT NULL,
    end_time timestamptz,
    lease_until timestamptz NOT NULL DEFAULT '-infinity',
    -- google.rpc.Status
    error bytea,
    PRIMARY KEY (tenant_id, job_id)
);
CREATE INDEX job_open ON scoring.job (create_time) WHERE state IN ('QUEUED', 'RUNNING');

-- A TrainingRun has the id of its job.
CREATE TABLE scoring.training_run (
    tenant_id text COLLATE "C" NOT NULL,
    run_id uuid NOT NULL,
    create_time timestamptz NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (tenant_id, run_id)
);

-- team_id '' is the model of all teams.
CREATE TABLE scoring.model (
    tenant_id text COLLATE "C" NOT NULL,
    run_id uuid NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    data bytea NOT NULL,
    sha256 text NOT NULL,
    PRIMARY KEY (tenant_id, run_id, team_id)
);

ALTER TABLE scoring.criterion ADD half_life_days int NOT NULL DEFAULT 0;

ALTER TABLE scoring.config
    -- As in ScoringSettings.
    ADD method text NOT NULL DEFAULT 'METHOD_NAIVE_BAYES',
    ADD retrain_after_closings int NOT NULL DEFAULT 200,
    ADD retrain_after_days int NOT NULL DEFAULT 7,
    ADD serving_run uuid,
    ADD closings_since_training int NOT NULL DEFAULT 0,
    ADD train_time timestamptz;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['snapshot', 'job', 'training_run', 'model'] LOOP
        EXECUTE format('ALTER TABLE scoring.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY worker ON scoring.%I TO scoring_worker USING (true) WITH CHECK (true)', t);
        EXECUTE format($p$CREATE POLICY tenant ON scoring.%I TO scoring_rpc
            USING (tenant_id = current_setting('embudo.tenant', true))
            WITH CHECK (tenant_id = current_setting('embudo.tenant', true))$p$, t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON scoring.%I TO scoring_rpc, scoring_worker', t);
    END LOOP;
END
$$;
