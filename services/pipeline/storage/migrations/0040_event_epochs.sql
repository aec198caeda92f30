-- Epochs of the log: how many partitions it is divided into, and since when. A change closes an epoch at the position
-- that each of its partitions has reached, and opens the next, whose partitions have numbers that were not used before.

CREATE TABLE pipeline.epoch (
    epoch int PRIMARY KEY,
    first_partition smallint NOT NULL,
    partition_count smallint NOT NULL,
    open_time timestamptz NOT NULL DEFAULT now(),
    close_time timestamptz,
    -- The last position of each partition, in order, once the epoch is closed.
    ends bigint[],
    CHECK ((close_time IS NULL) = (ends IS NULL))
);
CREATE UNIQUE INDEX epoch_open ON pipeline.epoch ((true)) WHERE close_time IS NULL;
INSERT INTO pipeline.epoch (epoch, first_partition, partition_count) VALUES (1, 0, 16);

ALTER TABLE pipeline.epoch ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON pipeline.epoch TO embudo_owner USING (true) WITH CHECK (true);
CREATE POLICY owner ON pipeline.event_head TO embudo_owner USING (true) WITH CHECK (true);

-- What all who write and read the log have to know of it.
CREATE VIEW pipeline.event_epoch AS
SELECT epoch, first_partition, partition_count, open_time, close_time, ends FROM pipeline.epoch;
GRANT SELECT ON pipeline.event_epoch TO
    pipeline_rpc, pipeline_worker, capture_worker, scoring_worker, automation_worker, reporting_worker;

-- Divides the log anew. In one transaction: whoever numbers events waits for it, or it for them, so the old epoch's
-- ends are final and everything later is numbered in the new one. Returns the epoch that is open then.
CREATE FUNCTION pipeline.set_event_partitions(count int) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    old pipeline.epoch;
    first int;
BEGIN
    IF count NOT BETWEEN 1 AND 256 THEN
        RAISE EXCEPTION 'the number of partitions must be from 1 to 256';
    END IF;
    SELECT * INTO STRICT old FROM pipeline.epoch WHERE close_time IS NULL FOR UPDATE;
    IF old.partition_count = count THEN
        RETURN old.epoch;
    END IF;
    PERFORM FROM pipeline.event_head
    WHERE partition >= old.first_partition AND partition < old.first_partition + old.partition_count
    ORDER BY partition FOR UPDATE;
    UPDATE pipeline.epoch SET close_time = now(), ends = (
        SELECT array_agg(position ORDER BY partition) FROM pipeline.event_head
        WHERE partition >= old.first_partition AND partition < old.first_partition + old.partition_count)
    WHERE epoch = old.epoch;
    first := old.first_partition + old.partition_count;
    INSERT INTO pipeline.epoch (epoch, first_partition, partition_count) VALUES (old.epoch + 1, first, count);
    INSERT INTO pipeline.event_head (partition, position)
    SELECT p, 0 FROM generate_series(first, first + count - 1) AS p ON CONFLICT DO NOTHING;
    RETURN old.epoch + 1;
END
$$;
REVOKE ALL ON FUNCTION pipeline.set_event_partitions FROM PUBLIC;
