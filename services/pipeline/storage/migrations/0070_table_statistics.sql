-- Gathers the planner's statistics of the busiest table that has none yet, of any service, if it holds enough to tell
-- anything. Its name; NULL: there is none, or somebody else is at it. The worker calls it every few seconds.
CREATE FUNCTION pipeline.analyze_new_table() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    name text;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('embudo.table_statistics')) THEN
        RETURN NULL;
    END IF;
    SELECT format('%I.%I', t.schemaname, t.relname) INTO name
    FROM pg_stat_user_tables t JOIN pg_class c ON c.oid = t.relid
    WHERE t.schemaname IN ('pipeline', 'capture', 'scoring', 'automation', 'reporting')
        AND pg_has_role(c.relowner, 'USAGE')
        AND last_analyze IS NULL AND last_autoanalyze IS NULL AND n_mod_since_analyze >= 200
    ORDER BY n_mod_since_analyze DESC LIMIT 1;
    IF name IS NOT NULL THEN
        EXECUTE 'ANALYZE ' || name;
    END IF;
    RETURN name;
END
$$;
REVOKE ALL ON FUNCTION pipeline.analyze_new_table() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pipeline.analyze_new_table() TO pipeline_worker;
