-- Rules that answer moments and calls, runs that sleep, and webhooks.

ALTER TABLE automation.run ADD COLUMN bulk boolean NOT NULL DEFAULT false;
-- One answer of a rule to an event or a moment, whatever version of the rule gives it.
ALTER TABLE automation.run DROP CONSTRAINT run_tenant_id_rule_id_rule_version_event_id_key;
CREATE UNIQUE INDEX run_event ON automation.run (tenant_id, rule_id, event_id);
DROP INDEX automation.run_due;
CREATE INDEX run_due ON automation.run (bulk, next_attempt_time) WHERE next_attempt_time IS NOT NULL;
-- Runs of a lead are done in their order.
CREATE INDEX run_active ON automation.run (tenant_id, lead_id, run_id) WHERE state IN ('PENDING', 'RUNNING');
-- For the upkeep: runs come in the order of their creation.
CREATE INDEX run_created ON automation.run USING brin (create_time) WITH (pages_per_range = 16);

-- Where the look-out for what is due stands, of each enabled rule that answers moments.
CREATE TABLE automation.timer (
    tenant_id text COLLATE "C" NOT NULL,
    rule_id text COLLATE "C" NOT NULL,
    -- Since when the rule looks.
    enable_time timestamptz NOT NULL,
    -- Everything that was due up to then has been found; of schedules, the last time that was due.
    scanned_until timestamptz,
    -- When it is looked at again, or the end of the lease of whoever looks now.
    next_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, rule_id),
    FOREIGN KEY (tenant_id, rule_id) REFERENCES automation.rule
) WITH (fillfactor = 50);
CREATE INDEX timer_next_time ON automation.timer (next_time);

-- The addresses by which other systems set rules off.
CREATE TABLE automation.rule_hook (
    tenant_id text COLLATE "C" NOT NULL,
    rule_id text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    secret bytea NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, rule_id),
    FOREIGN KEY (tenant_id, rule_id) REFERENCES automation.rule
);
CREATE INDEX rule_hook_key ON automation.rule_hook (key);

-- Other systems' addresses.
CREATE TABLE automation.webhook (
    tenant_id text COLLATE "C" NOT NULL,
    webhook_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    uri text NOT NULL,
    disabled boolean NOT NULL,
    disable_reason text NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, webhook_id)
);
-- What deliveries are signed by. The newest has no end; the one before is good for another day.
CREATE TABLE automation.webhook_secret (
    tenant_id text COLLATE "C" NOT NULL,
    webhook_id text COLLATE "C" NOT NULL,
    secret bytea NOT NULL,
    create_time timestamptz NOT NULL,
    expire_time timestamptz,
    PRIMARY KEY (tenant_id, webhook_id, create_time),
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES automation.webhook
);
-- Webhooks that fail: since when, how often on end, and until when nothing is tried.
CREATE TABLE automation.webhook_failure (
    tenant_id text COLLATE "C" NOT NULL,
    webhook_id text COLLATE "C" NOT NULL,
    since timestamptz NOT NULL,
    count int NOT NULL,
    pause_until timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, webhook_id),
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES automation.webhook
) WITH (fillfactor = 50);
CREATE TABLE automation.webhook_delivery (
    tenant_id text COLLATE "C" NOT NULL,
    webhook_id text COLLATE "C" NOT NULL,
    delivery_id text COLLATE "C" NOT NULL,
    -- Those of a lead are sent in this order.
    seq bigint GENERATED ALWAYS AS IDENTITY,
    lead_id uuid NOT NULL,
    run_id text COLLATE "C",
    state text NOT NULL,
    attempts int NOT NULL,
    next_attempt_time timestamptz,
    status_code int NOT NULL,
    error text NOT NULL,
    payload text NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    end_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, webhook_id, delivery_id),
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES automation.webhook
) WITH (fillfactor = 80);
CREATE INDEX webhook_delivery_due ON automation.webhook_delivery (next_attempt_time)
    WHERE next_attempt_time IS NOT NULL;
CREATE INDEX webhook_delivery_lead ON automation.webhook_delivery (tenant_id, webhook_id, lead_id, seq)
    WHERE next_attempt_time IS NOT NULL;
CREATE INDEX webhook_delivery_create_time
    ON automation.webhook_delivery (tenant_id, webhook_id, create_time, delivery_id);
CREATE INDEX webhook_delivery_created ON automation.webhook_delivery USING brin (create_time)
    WITH (pages_per_range = 16);

-- Kept from events: whom rules tell, and what stages send.
CREATE TABLE automation.user_role (
    tenant_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    roles text[] NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);
CREATE TABLE automation.team_manager (
    tenant_id text COLLATE "C" NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    manager_id text COLLATE "C",
    parent_id text COLLATE "C",
    PRIMARY KEY (tenant_id, team_id)
);
CREATE TABLE automation.stage_template (
    tenant_id text COLLATE "C" NOT NULL,
    stage text COLLATE "C" NOT NULL,
    template text NOT NULL,
    PRIMARY KEY (tenant_id, stage)
);

DO $$
DECLARE
    t regclass;
BEGIN
    FOREACH t IN ARRAY ARRAY['automation.timer', 'automation.rule_hook', 'automation.webhook',
                             'automation.webhook_secret', 'automation.webhook_failure', 'automation.webhook_delivery',
                             'automation.user_role', 'automation.team_manager',
                             'automation.stage_template']::regclass[] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY worker ON %s TO automation_worker USING (true) WITH CHECK (true)', t);
        EXECUTE format($p$CREATE POLICY tenant ON %s TO automation_rpc
            USING (tenant_id = current_setting('embudo.tenant', true))
            WITH CHECK (tenant_id = current_setting('embudo.tenant', true))$p$, t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO automation_worker', t);
        EXECUTE format('GRANT SELECT ON %s TO automation_rpc', t);
    END LOOP;
END
$$;
GRANT INSERT, UPDATE, DELETE ON automation.timer, automation.rule_hook, automation.webhook, automation.webhook_secret,
    automation.webhook_failure, automation.webhook_delivery TO automation_rpc;
