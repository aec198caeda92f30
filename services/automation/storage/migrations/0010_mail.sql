-- Mails to customers: the templates that they are written from, and how far each is on its way out. What a mail says is
-- in the pipeline's conversation.

CREATE TABLE automation.mail_template (
    tenant_id text COLLATE "C" NOT NULL,
    mail_template_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    subject text NOT NULL,
    text_body text NOT NULL,
    html_body text NOT NULL,
    language text NOT NULL,
    variants jsonb NOT NULL,
    transactional boolean NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, mail_template_id)
);

-- next_attempt_time is when a worker takes it up: the due time of one that waits, the end of the lease of one that is
-- being sent, the time to tell the pipeline what came of one that is over, NULL once that is told.
CREATE TABLE automation.mail (
    tenant_id text COLLATE "C" NOT NULL,
    mail_id text COLLATE "C" NOT NULL,
    state text NOT NULL,
    lead_id uuid NOT NULL,
    message text COLLATE "C" NOT NULL,
    template_id text COLLATE "C",
    language text NOT NULL,
    to_addresses text[] NOT NULL,
    cc_addresses text[] NOT NULL,
    internet_message_id text COLLATE "C" NOT NULL,
    domain text COLLATE "C" NOT NULL,
    rule_id text COLLATE "C",
    event_id text COLLATE "C" NOT NULL,
    depth int NOT NULL,
    attempts int NOT NULL,
    next_attempt_time timestamptz,
    error text NOT NULL,
    reply_code int NOT NULL,
    send_time timestamptz,
    -- The moment at which its domain lets it go out; NULL while it has not asked.
    slot_time timestamptz,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, mail_id)
) WITH (fillfactor = 80);
CREATE INDEX mail_due ON automation.mail (next_attempt_time) WHERE next_attempt_time IS NOT NULL;
CREATE INDEX mail_create_time ON automation.mail (tenant_id, create_time, mail_id);
CREATE INDEX mail_lead ON automation.mail (tenant_id, lead_id);

-- When the next mail to a domain may go out. Replicas share it, so the rate is that of all of them.
CREATE TABLE automation.mail_domain (
    tenant_id text COLLATE "C" NOT NULL,
    domain text COLLATE "C" NOT NULL,
    next_send_time timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, domain)
) WITH (fillfactor = 50);

DO $$
DECLARE
    t regclass;
BEGIN
    FOREACH t IN ARRAY ARRAY['automation.mail_template', 'automation.mail', 'automation.mail_domain']::regclass[] LOOP
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
GRANT INSERT, UPDATE, DELETE ON automation.mail_template, automation.mail TO automation_rpc;
