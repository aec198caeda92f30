-- What other services may read of the records themselves: to recount what they keep from the events, and to make it
-- anew.

CREATE VIEW pipeline.lead_record AS SELECT * FROM pipeline.lead WHERE delete_time IS NULL;
CREATE VIEW pipeline.lead_change AS SELECT tenant_id, lead_id, seq, data FROM pipeline.lead_history;
CREATE VIEW pipeline.activity_record AS
SELECT tenant_id, lead_id, activity_id, type, activity_type_id, assignee_id, state, due_date, done_time, create_time
FROM pipeline.activity WHERE delete_time IS NULL;
CREATE VIEW pipeline.touch_record AS
SELECT tenant_id, lead_id, touch_id, touch_time, channel, source, medium, campaign
FROM pipeline.touch WHERE delete_time IS NULL;
-- How far the log is: events that have no place in it yet, and the last place of each partition.
CREATE VIEW pipeline.event_end AS
SELECT h.partition, h.position, p.waiting
FROM pipeline.event_head h,
     LATERAL (SELECT EXISTS (SELECT FROM pipeline.event_pending e WHERE e.partition = h.partition) AS waiting) p;

-- The owner of the tables owns the views, and is bound by row-level security.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['lead', 'lead_history', 'activity', 'touch', 'event_head', 'event_pending'] LOOP
        EXECUTE format('CREATE POLICY record_reader ON pipeline.%I FOR SELECT TO embudo_owner USING (true)', name);
    END LOOP;
END
$$;
GRANT SELECT ON pipeline.lead_record, pipeline.lead_change, pipeline.activity_record, pipeline.touch_record,
    pipeline.event_end TO reporting_worker;
