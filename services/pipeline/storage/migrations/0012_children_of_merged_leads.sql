-- What is added under a lead at the moment of its merge waits for the merge and is then refused: the service plans it
-- anew, for the survivor. Without it the record would stay under a lead that is gone. Merges lock with FOR UPDATE.

CREATE FUNCTION pipeline.refuse_under_merged_lead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM pipeline.lead
    WHERE tenant_id = NEW.tenant_id AND lead_id = NEW.lead_id AND merged_into_id IS NULL FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'lead % has been merged', NEW.lead_id USING ERRCODE = 'ZE001';
    END IF;
    RETURN NEW;
END
$$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['activity', 'message', 'attachment', 'approval', 'quote'] LOOP
        EXECUTE format('CREATE TRIGGER lead_is_there BEFORE INSERT ON pipeline.%I FOR EACH ROW'
                       ' EXECUTE FUNCTION pipeline.refuse_under_merged_lead()', name);
    END LOOP;
END
$$;
