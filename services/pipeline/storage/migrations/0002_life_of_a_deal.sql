-- What the whole life of an opportunity needs beyond its record: conversation, documents, approvals, quotes and orders,
-- history, columns of a kanban board, and the catalogues behind them.

ALTER TABLE pipeline.stage ADD COLUMN entry_template text NOT NULL DEFAULT '';

ALTER TABLE pipeline.contact
    ADD COLUMN other_emails text[] NOT NULL DEFAULT '{}',
    ADD COLUMN other_phones text[] NOT NULL DEFAULT '{}',
    ADD COLUMN address jsonb,
    ADD COLUMN contact_role text NOT NULL DEFAULT '',
    ADD COLUMN language text NOT NULL DEFAULT '',
    ADD COLUMN do_not_contact boolean NOT NULL DEFAULT false,
    ADD COLUMN custom_fields jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN merged_into_id uuid,
    ADD COLUMN purge_time timestamptz;
CREATE INDEX contact_phone ON pipeline.contact (tenant_id, phone) WHERE phone <> '';
CREATE INDEX contact_company ON pipeline.contact (tenant_id, company_id) WHERE company_id IS NOT NULL;
CREATE INDEX contact_other_emails ON pipeline.contact USING gin (other_emails) WHERE other_emails <> '{}';
CREATE INDEX contact_other_phones ON pipeline.contact USING gin (other_phones) WHERE other_phones <> '{}';

ALTER TABLE pipeline.lead
    ADD COLUMN converted_budget numeric,
    ADD COLUMN converted_budget_currency text,
    ADD COLUMN converted_expected_revenue numeric,
    ADD COLUMN converted_expected_revenue_currency text,
    ADD COLUMN converted_recurring_revenue numeric,
    ADD COLUMN converted_recurring_revenue_currency text,
    ADD COLUMN rank text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN merged_into_id uuid,
    ADD COLUMN convert_time timestamptz,
    ADD COLUMN creator text NOT NULL DEFAULT '',
    ADD COLUMN collaborators text[] NOT NULL DEFAULT '{}',
    ADD COLUMN followers text[] NOT NULL DEFAULT '{}',
    ADD COLUMN unmet_criteria text[] NOT NULL DEFAULT '{}',
    ADD COLUMN override_reason text NOT NULL DEFAULT '',
    ADD COLUMN purge_time timestamptz;

-- Leads from before this step: their amounts in the tenant's own currency, their place by age. The owner of the tables
-- is bound by row-level security too, so it is let off for this.
ALTER TABLE pipeline.lead NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pipeline.tenant NO FORCE ROW LEVEL SECURITY;
UPDATE pipeline.lead l SET
    converted_budget = CASE WHEN l.budget_currency = t.currency_code THEN l.budget END,
    converted_budget_currency = CASE WHEN l.budget_currency = t.currency_code THEN t.currency_code END,
    converted_expected_revenue = CASE WHEN l.expected_revenue_currency = t.currency_code THEN l.expected_revenue END,
    converted_expected_revenue_currency = CASE WHEN l.expected_revenue_currency = t.currency_code
                                               THEN t.currency_code END,
    converted_recurring_revenue = CASE WHEN l.recurring_revenue_currency = t.currency_code
                                       THEN l.recurring_revenue END,
    converted_recurring_revenue_currency = CASE WHEN l.recurring_revenue_currency = t.currency_code
                                                THEN t.currency_code END,
    rank = lpad(to_hex(4503599627370495 - (extract(epoch FROM l.create_time) * 1000000)::bigint), 13, '0')
           || right(l.lead_id::text, 4)
FROM pipeline.tenant t WHERE t.tenant_id = l.tenant_id;
ALTER TABLE pipeline.lead FORCE ROW LEVEL SECURITY;
ALTER TABLE pipeline.tenant FORCE ROW LEVEL SECURITY;

-- The cards of a column in their order; its beginning also finds the leads of a stage.
DROP INDEX pipeline.lead_stage;
CREATE INDEX lead_card ON pipeline.lead (tenant_id, pipeline_id, stage_id, rank, lead_id)
    WHERE state <> 'LOST' AND NOT archived AND delete_time IS NULL;
-- The default order of lists.
CREATE INDEX lead_create_time ON pipeline.lead (tenant_id, create_time DESC, lead_id DESC);
-- Leads that somebody sees beside their owner and team.
CREATE INDEX lead_shared ON pipeline.lead (tenant_id, pipeline_id, stage_id)
    WHERE collaborators <> '{}' OR followers <> '{}';
CREATE INDEX lead_purge_time ON pipeline.lead (purge_time) WHERE purge_time IS NOT NULL;
CREATE INDEX lead_merged_into ON pipeline.lead (tenant_id, merged_into_id) WHERE merged_into_id IS NOT NULL;
CREATE INDEX lead_contact ON pipeline.lead (tenant_id, contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX lead_company ON pipeline.lead (tenant_id, company_id) WHERE company_id IS NOT NULL;

-- Every change of a lead with the fields before and after, as long as the lead lives; its creation is the lead itself.
CREATE TABLE pipeline.lead_history (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    seq bigint NOT NULL,
    time timestamptz NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (tenant_id, lead_id, seq)
);

-- The figures of the columns of a board: a total, and what has been added since it was last folded. Both together are
-- exact at any moment, and no write waits for another.
CREATE TABLE pipeline.kanban_total (
    tenant_id text COLLATE "C" NOT NULL,
    pipeline_id text COLLATE "C" NOT NULL,
    stage_id text COLLATE "C" NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    owner_id text COLLATE "C" NOT NULL,
    cards bigint NOT NULL,
    expected_revenue numeric NOT NULL,
    weighted_revenue numeric NOT NULL,
    recurring_revenue numeric NOT NULL,
    PRIMARY KEY (tenant_id, pipeline_id, stage_id, team_id, owner_id)
) WITH (fillfactor = 70);
CREATE TABLE pipeline.kanban_delta (
    tenant_id text COLLATE "C" NOT NULL,
    delta_id bigint GENERATED ALWAYS AS IDENTITY,
    pipeline_id text COLLATE "C" NOT NULL,
    stage_id text COLLATE "C" NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    owner_id text COLLATE "C" NOT NULL,
    cards bigint NOT NULL,
    expected_revenue numeric NOT NULL,
    weighted_revenue numeric NOT NULL,
    recurring_revenue numeric NOT NULL,
    PRIMARY KEY (tenant_id, delta_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- What a lead adds to its column. A board shows opportunities that are neither lost nor archived nor deleted.
CREATE FUNCTION pipeline.kanban_of(l pipeline.lead, sign int) RETURNS TABLE (
    tenant_id text, pipeline_id text, stage_id text, team_id text, owner_id text, cards bigint,
    expected_revenue numeric, weighted_revenue numeric, recurring_revenue numeric)
LANGUAGE sql IMMUTABLE AS $$
    SELECT l.tenant_id, l.pipeline_id, l.stage_id, coalesce(l.team_id, ''), coalesce(l.owner_id, ''), sign::bigint,
           sign * coalesce(l.converted_expected_revenue, 0),
           sign * coalesce(l.converted_expected_revenue, 0) * l.probability::numeric / 100,
           sign * coalesce(l.converted_recurring_revenue, 0) / greatest(l.recurring_months, 1)
    WHERE l.stage_id IS NOT NULL AND l.state <> 'LOST' AND NOT l.archived AND l.delete_time IS NULL
$$;
GRANT EXECUTE ON FUNCTION pipeline.kanban_of TO pipeline_rpc, pipeline_worker;
CREATE FUNCTION pipeline.count_cards() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO pipeline.kanban_delta (tenant_id, pipeline_id, stage_id, team_id, owner_id, cards,
                                           expected_revenue, weighted_revenue, recurring_revenue)
        SELECT k.tenant_id, k.pipeline_id, k.stage_id, k.team_id, k.owner_id, sum(k.cards), sum(k.expected_revenue),
               sum(k.weighted_revenue), sum(k.recurring_revenue)
        FROM new_leads n, pipeline.kanban_of(n, 1) k GROUP BY 1, 2, 3, 4, 5;
    ELSE
        INSERT INTO pipeline.kanban_delta (tenant_id, pipeline_id, stage_id, team_id, owner_id, cards,
                                           expected_revenue, weighted_revenue, recurring_revenue)
        SELECT k.tenant_id, k.pipeline_id, k.stage_id, k.team_id, k.owner_id, sum(k.cards), sum(k.expected_revenue),
               sum(k.weighted_revenue), sum(k.recurring_revenue)
        FROM (SELECT k.* FROM new_leads n, pipeline.kanban_of(n, 1) k
              UNION ALL SELECT k.* FROM old_leads o, pipeline.kanban_of(o, -1) k) k
        GROUP BY 1, 2, 3, 4, 5
        HAVING sum(k.cards) <> 0 OR sum(k.expected_revenue) <> 0 OR sum(k.weighted_revenue) <> 0
            OR sum(k.recurring_revenue) <> 0;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER count_cards_inserted AFTER INSERT ON pipeline.lead REFERENCING NEW TABLE AS new_leads
    FOR EACH STATEMENT EXECUTE FUNCTION pipeline.count_cards();
CREATE TRIGGER count_cards_updated AFTER UPDATE ON pipeline.lead
    REFERENCING OLD TABLE AS old_leads NEW TABLE AS new_leads
    FOR EACH STATEMENT EXECUTE FUNCTION pipeline.count_cards();

CREATE TABLE pipeline.activity_type (
    tenant_id text COLLATE "C" NOT NULL,
    activity_type_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    type text NOT NULL,
    sequence int NOT NULL,
    delay_count int NOT NULL,
    delay_unit text NOT NULL,
    delay_from text NOT NULL,
    default_assignee_id text COLLATE "C",
    default_summary text NOT NULL,
    default_note text NOT NULL,
    suggested_types text[] NOT NULL,
    triggered_type_id text COLLATE "C",
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, activity_type_id),
    FOREIGN KEY (tenant_id, default_assignee_id) REFERENCES pipeline."user",
    FOREIGN KEY (tenant_id, triggered_type_id) REFERENCES pipeline.activity_type
);

CREATE TABLE pipeline.activity_plan (
    tenant_id text COLLATE "C" NOT NULL,
    activity_plan_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    steps jsonb NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, activity_plan_id)
);

ALTER TABLE pipeline.activity
    ADD COLUMN activity_type_id text COLLATE "C",
    ADD COLUMN creator text NOT NULL DEFAULT '',
    ADD COLUMN activity_plan_id text COLLATE "C",
    ADD COLUMN next_activity_id uuid,
    ADD FOREIGN KEY (tenant_id, activity_type_id) REFERENCES pipeline.activity_type,
    ADD FOREIGN KEY (tenant_id, activity_plan_id) REFERENCES pipeline.activity_plan;
CREATE INDEX activity_planned ON pipeline.activity (tenant_id, lead_id, due_date) WHERE state = 'PLANNED';

CREATE TABLE pipeline.message (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    message_id uuid NOT NULL,
    type text NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    author_id text COLLATE "C",
    mentions text[] NOT NULL,
    from_address text NOT NULL,
    to_addresses text[] NOT NULL,
    cc_addresses text[] NOT NULL,
    internet_message_id text NOT NULL,
    in_reply_to text NOT NULL,
    html_body text NOT NULL,
    delivery_state text NOT NULL,
    delivery_error text NOT NULL,
    call jsonb,
    attachments text[] NOT NULL,
    internal boolean NOT NULL,
    template text NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, lead_id, message_id),
    FOREIGN KEY (tenant_id, lead_id) REFERENCES pipeline.lead
);
CREATE INDEX message_create_time ON pipeline.message (tenant_id, lead_id, create_time, message_id);
CREATE UNIQUE INDEX message_internet_message_id ON pipeline.message (tenant_id, internet_message_id)
    WHERE internet_message_id <> '';

CREATE TABLE pipeline.attachment (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    attachment_id uuid NOT NULL,
    file_name text NOT NULL,
    content_type text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL,
    creator text NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, lead_id, attachment_id),
    FOREIGN KEY (tenant_id, lead_id) REFERENCES pipeline.lead
);
CREATE TABLE pipeline.attachment_content (
    tenant_id text COLLATE "C" NOT NULL,
    attachment_id uuid NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (tenant_id, attachment_id)
);
-- Compressed files do not compress again.
ALTER TABLE pipeline.attachment_content ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TABLE pipeline.approval (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id uuid NOT NULL,
    approval_id uuid NOT NULL,
    pipeline_id text COLLATE "C",
    stage_id text COLLATE "C",
    criterion text NOT NULL,
    role text NOT NULL,
    state text NOT NULL,
    requester text NOT NULL,
    request_note text NOT NULL,
    decider text NOT NULL,
    decision_note text NOT NULL,
    decide_time timestamptz,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, lead_id, approval_id),
    FOREIGN KEY (tenant_id, lead_id) REFERENCES pipeline.lead
);
CREATE UNIQUE INDEX approval_pending ON pipeline.approval (tenant_id, lead_id, stage_id, criterion)
    WHERE state = 'PENDING';

CREATE TABLE pipeline.notification (
    tenant_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    notification_id uuid NOT NULL,
    kind text NOT NULL,
    lead_id uuid,
    subject text NOT NULL,
    text text NOT NULL,
    actor text NOT NULL,
    read_time timestamptz,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, user_id, notification_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES pipeline."user"
);
CREATE INDEX notification_create_time ON pipeline.notification (tenant_id, user_id, create_time, notification_id);
CREATE INDEX notification_unread ON pipeline.notification (tenant_id, user_id) WHERE read_time IS NULL;

CREATE TABLE pipeline.quote (
    tenant_id text COLLATE "C" NOT NULL,
    quote_id uuid NOT NULL,
    number text NOT NULL,
    lead_id uuid NOT NULL,
    state text NOT NULL,
    revision_number int NOT NULL,
    revised_from_id uuid,
    revised_by_id uuid,
    contact_id uuid,
    company_id uuid,
    customer_name text NOT NULL,
    customer_email text NOT NULL,
    customer_address text NOT NULL,
    currency_code text NOT NULL,
    lines jsonb NOT NULL,
    net_total numeric,
    net_total_currency text,
    taxes jsonb NOT NULL,
    tax_total numeric,
    tax_total_currency text,
    total numeric,
    total_currency text,
    expire_date date,
    terms text NOT NULL,
    note text NOT NULL,
    document_sha256 text NOT NULL,
    send_time timestamptz,
    signature jsonb,
    decline_reason text NOT NULL,
    order_id uuid,
    creator text NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, quote_id),
    FOREIGN KEY (tenant_id, lead_id) REFERENCES pipeline.lead
);
CREATE INDEX quote_lead ON pipeline.quote (tenant_id, lead_id);
CREATE UNIQUE INDEX quote_number ON pipeline.quote (tenant_id, number);
CREATE INDEX quote_expire_date ON pipeline.quote (expire_date) WHERE state = 'SENT';
CREATE TABLE pipeline.quote_document (
    tenant_id text COLLATE "C" NOT NULL,
    quote_id uuid NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (tenant_id, quote_id)
);
-- Compressed files do not compress again.
ALTER TABLE pipeline.quote_document ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TABLE pipeline."order" (
    tenant_id text COLLATE "C" NOT NULL,
    order_id uuid NOT NULL,
    number text NOT NULL,
    quote_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    state text NOT NULL,
    contact_id uuid,
    company_id uuid,
    customer_name text NOT NULL,
    customer_email text NOT NULL,
    customer_address text NOT NULL,
    currency_code text NOT NULL,
    lines jsonb NOT NULL,
    net_total numeric,
    net_total_currency text,
    taxes jsonb NOT NULL,
    tax_total numeric,
    tax_total_currency text,
    total numeric,
    total_currency text,
    confirm_time timestamptz,
    signature jsonb,
    cancel_reason text NOT NULL,
    creator text NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, order_id),
    FOREIGN KEY (tenant_id, lead_id) REFERENCES pipeline.lead,
    FOREIGN KEY (tenant_id, quote_id) REFERENCES pipeline.quote
);
CREATE INDEX order_lead ON pipeline."order" (tenant_id, lead_id);
CREATE UNIQUE INDEX order_number ON pipeline."order" (tenant_id, number);

-- The last number given to a kind of document.
CREATE TABLE pipeline.number_sequence (
    tenant_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    last_number bigint NOT NULL,
    PRIMARY KEY (tenant_id, kind)
);

CREATE TABLE pipeline.target (
    tenant_id text COLLATE "C" NOT NULL,
    target_id text COLLATE "C" NOT NULL,
    team_id text COLLATE "C",
    user_id text COLLATE "C",
    period text NOT NULL,
    start_date date NOT NULL,
    amount numeric,
    amount_currency text,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, target_id),
    FOREIGN KEY (tenant_id, team_id) REFERENCES pipeline.team,
    FOREIGN KEY (tenant_id, user_id) REFERENCES pipeline."user"
);
CREATE UNIQUE INDEX target_period
    ON pipeline.target (tenant_id, coalesce(team_id, ''), coalesce(user_id, ''), period, start_date)
    WHERE delete_time IS NULL;

CREATE TABLE pipeline.custom_field (
    tenant_id text COLLATE "C" NOT NULL,
    custom_field_id text COLLATE "C" NOT NULL,
    target text NOT NULL,
    key text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    type text NOT NULL,
    choices text[] NOT NULL,
    required boolean NOT NULL,
    description text NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, custom_field_id)
);
CREATE UNIQUE INDEX custom_field_key ON pipeline.custom_field (tenant_id, target, key) WHERE delete_time IS NULL;

CREATE TABLE pipeline.exchange_rate (
    tenant_id text COLLATE "C" NOT NULL,
    exchange_rate_id text COLLATE "C" NOT NULL,
    currency_code text NOT NULL,
    start_date date NOT NULL,
    rate text NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, exchange_rate_id)
);
CREATE UNIQUE INDEX exchange_rate_day ON pipeline.exchange_rate (tenant_id, currency_code, start_date)
    WHERE delete_time IS NULL;

-- What every table of a tenant has.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['lead_history', 'kanban_total', 'kanban_delta', 'activity_type', 'activity_plan',
                                'message', 'attachment', 'attachment_content', 'approval', 'notification', 'quote',
                                'quote_document', 'order', 'number_sequence', 'target', 'custom_field',
                                'exchange_rate'] LOOP
        EXECUTE format('ALTER TABLE pipeline.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY worker ON pipeline.%I TO pipeline_worker USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY tenant ON pipeline.%I TO pipeline_rpc
            USING (tenant_id = current_setting(''embudo.tenant'', true))
            WITH CHECK (tenant_id = current_setting(''embudo.tenant'', true))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON pipeline.%I TO pipeline_rpc, pipeline_worker', name);
    END LOOP;
END
$$;

-- Boards of leads from before this step.
ALTER TABLE pipeline.lead NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pipeline.kanban_total NO FORCE ROW LEVEL SECURITY;
INSERT INTO pipeline.kanban_total
SELECT k.tenant_id, k.pipeline_id, k.stage_id, k.team_id, k.owner_id, sum(k.cards), sum(k.expected_revenue),
       sum(k.weighted_revenue), sum(k.recurring_revenue)
FROM pipeline.lead l, pipeline.kanban_of(l, 1) k GROUP BY 1, 2, 3, 4, 5;
ALTER TABLE pipeline.lead FORCE ROW LEVEL SECURITY;
ALTER TABLE pipeline.kanban_total FORCE ROW LEVEL SECURITY;
