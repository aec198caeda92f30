-- How far the log goes, for consumers of other services to tell how far behind they are.
CREATE POLICY log_reader ON pipeline.event_head FOR SELECT TO embudo_owner USING (true);
CREATE VIEW pipeline.event_heads AS SELECT partition, position FROM pipeline.event_head;
GRANT SELECT ON pipeline.event_heads TO
    pipeline_worker, capture_worker, scoring_worker, automation_worker, reporting_worker;
