-- Inbound mail: the mailboxes that it is fetched from, and what a tenant's mail goes by.

CREATE TABLE capture.mailbox (
    tenant_id text COLLATE "C" NOT NULL,
    mailbox_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    host text NOT NULL,
    port int NOT NULL,
    tls text NOT NULL,
    username text NOT NULL,
    password_file text NOT NULL,
    folder text NOT NULL,
    done_folder text NOT NULL,
    poll_seconds int NOT NULL,
    disabled boolean NOT NULL,
    state text NOT NULL,
    last_error text NOT NULL,
    last_poll_time timestamptz,
    received_count bigint NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    -- Who looks at it, until when; when it is due again.
    lease_owner text NOT NULL DEFAULT '',
    lease_until timestamptz NOT NULL DEFAULT '-infinity',
    next_poll timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (tenant_id, mailbox_id)
);
CREATE INDEX mailbox_next_poll ON capture.mailbox (next_poll) WHERE delete_time IS NULL AND NOT disabled;

CREATE TABLE capture.mail_settings (
    tenant_id text COLLATE "C" NOT NULL,
    mail_settings_id text COLLATE "C" NOT NULL,
    catch_all text NOT NULL,
    mail_domain text NOT NULL,
    inbox text NOT NULL,
    own_addresses text[] NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, mail_settings_id)
);

-- What the tokens in addresses are signed with; made when first asked for, by PostgreSQL's strong random numbers.
CREATE TABLE capture.mail_secret (
    tenant_id text COLLATE "C" NOT NULL,
    secret bytea NOT NULL
        DEFAULT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'),
    PRIMARY KEY (tenant_id)
);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['mailbox', 'mail_settings', 'mail_secret'] LOOP
        EXECUTE format('ALTER TABLE capture.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY worker ON capture.%I TO capture_worker USING (true) WITH CHECK (true)', t);
        EXECUTE format($p$CREATE POLICY tenant ON capture.%I TO capture_rpc
            USING (tenant_id = current_setting('embudo.tenant', true))
            WITH CHECK (tenant_id = current_setting('embudo.tenant', true))$p$, t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON capture.%I TO capture_worker', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON capture.%I TO capture_rpc', t);
    END LOOP;
END
$$;
