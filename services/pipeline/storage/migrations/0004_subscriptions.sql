-- Durable subscriptions to the events: their places, what waits beside the log, what was pushed.

ALTER TABLE pipeline.tenant ADD COLUMN event_retention_days int NOT NULL DEFAULT 0;

CREATE TABLE pipeline.subscription (
    tenant_id text COLLATE "C" NOT NULL,
    subscription_id text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    filter text NOT NULL,
    start text NOT NULL,
    unordered boolean NOT NULL,
    ack_deadline_seconds int NOT NULL,
    max_deliveries int NOT NULL,
    push_uri text NOT NULL,
    paused boolean NOT NULL,
    pause_reason text NOT NULL,
    creator text NOT NULL,
    creator_roles text[] NOT NULL,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    delete_time timestamptz,
    revision bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, subscription_id)
);
-- Those that the server pushes, in every tenant.
CREATE INDEX subscription_pushed ON pipeline.subscription (tenant_id, subscription_id)
    WHERE push_uri <> '' AND NOT paused AND delete_time IS NULL;

-- How far a subscription is in each partition, and which worker reads it now: the one whose lease it is moves the
-- position. A seek raises the generation, so that a worker that still holds old events moves nothing.
CREATE TABLE pipeline.subscription_place (
    tenant_id text COLLATE "C" NOT NULL,
    subscription_id text COLLATE "C" NOT NULL,
    partition smallint NOT NULL,
    position bigint NOT NULL,
    generation int NOT NULL DEFAULT 0,
    holder uuid,
    lease_until timestamptz,
    PRIMARY KEY (tenant_id, subscription_id, partition)
) WITH (fillfactor = 50);

-- Workers that are there, for a fair share of the partitions.
CREATE TABLE pipeline.subscription_worker (
    tenant_id text COLLATE "C" NOT NULL,
    subscription_id text COLLATE "C" NOT NULL,
    worker_id uuid NOT NULL,
    lease_until timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, subscription_id, worker_id)
);

-- The lane beside the log: events before the position that are not dealt with. They wait for another delivery at
-- next_time, or for the event of the same key before them (next_time is infinity), or are parked.
CREATE TABLE pipeline.subscription_lane (
    tenant_id text COLLATE "C" NOT NULL,
    subscription_id text COLLATE "C" NOT NULL,
    partition smallint NOT NULL,
    position bigint NOT NULL,
    event_id uuid NOT NULL,
    partition_key text COLLATE "C" NOT NULL,
    data bytea NOT NULL,
    delivery_count int NOT NULL,
    -- Delivered once more by hand: nothing waits for it.
    redriven boolean NOT NULL,
    reason text NOT NULL,
    first_time timestamptz NOT NULL,
    next_time timestamptz NOT NULL,
    park_time timestamptz,
    PRIMARY KEY (tenant_id, subscription_id, partition, position)
);
CREATE INDEX subscription_lane_due ON pipeline.subscription_lane (tenant_id, subscription_id, partition, next_time)
    WHERE park_time IS NULL;
CREATE INDEX subscription_lane_key
    ON pipeline.subscription_lane (tenant_id, subscription_id, partition, partition_key, position)
    WHERE park_time IS NULL;
CREATE INDEX subscription_lane_parked ON pipeline.subscription_lane (tenant_id, subscription_id, park_time, event_id)
    WHERE park_time IS NOT NULL;

CREATE TABLE pipeline.subscription_secret (
    tenant_id text COLLATE "C" NOT NULL,
    subscription_id text COLLATE "C" NOT NULL,
    secret bytea NOT NULL,
    create_time timestamptz NOT NULL,
    expire_time timestamptz,
    PRIMARY KEY (tenant_id, subscription_id, create_time)
);

CREATE TABLE pipeline.push_delivery (
    tenant_id text COLLATE "C" NOT NULL,
    subscription_id text COLLATE "C" NOT NULL,
    delivery_id uuid NOT NULL,
    event_id uuid NOT NULL,
    partition smallint NOT NULL,
    position bigint NOT NULL,
    attempt int NOT NULL,
    time timestamptz NOT NULL,
    status_code int NOT NULL,
    error text NOT NULL,
    duration_ms int NOT NULL,
    next_time timestamptz,
    PRIMARY KEY (tenant_id, subscription_id, delivery_id)
);
CREATE INDEX push_delivery_time ON pipeline.push_delivery (time);
CREATE INDEX push_delivery_event ON pipeline.push_delivery (tenant_id, subscription_id, event_id, delivery_id);

-- What every table of a tenant has.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['subscription', 'subscription_place', 'subscription_worker', 'subscription_lane',
                                'subscription_secret', 'push_delivery'] LOOP
        EXECUTE format('ALTER TABLE pipeline.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY worker ON pipeline.%I TO pipeline_worker USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY tenant ON pipeline.%I TO pipeline_rpc
            USING (tenant_id = current_setting(''embudo.tenant'', true))
            WITH CHECK (tenant_id = current_setting(''embudo.tenant'', true))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON pipeline.%I TO pipeline_rpc, pipeline_worker', name);
    END LOOP;
END
$$;

-- Drops the log's days before one: what no tenant keeps any more.
CREATE FUNCTION pipeline.drop_event_partitions(before date) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    name text;
    dropped int := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('embudo.event_partitions'));
    FOR name IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent IN ('pipeline.event'::regclass, 'pipeline.event_position'::regclass)
          AND c.relname ~ '_[0-9]{8}$' AND to_date(right(c.relname, 8), 'YYYYMMDD') < before
    LOOP
        EXECUTE format('DROP TABLE pipeline.%I', name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;
REVOKE ALL ON FUNCTION pipeline.drop_event_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pipeline.drop_event_partitions TO pipeline_worker;
