-- Gives the keys that nobody has to a lead: to the one that has the weightiest of the others (they come in the order of
-- weight), or to `own` if nobody has any. A function, so that it is one round trip.
CREATE FUNCTION capture.claim(tenant text, kinds text[], keys text[], own uuid) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    winner uuid;
BEGIN
    -- The lead that is made next is committed to disk, and with it all that was written to the log before it.
    PERFORM set_config('synchronous_commit', 'off', true);
    -- Those that come first are waited for here, one key after the other in an order that is the same for all, so that
    -- they do not wait for each other.
    INSERT INTO capture.dedupe_key (tenant_id, kind, key, lead_id)
    SELECT tenant, k.kind, k.key, own FROM unnest(kinds, keys) AS k (kind, key) ORDER BY k.kind, k.key
    ON CONFLICT DO NOTHING;
    -- Another statement, which sees what they have committed.
    SELECT d.lead_id INTO winner FROM unnest(kinds, keys) WITH ORDINALITY AS k (kind, key, weight)
    JOIN capture.dedupe_key d ON d.tenant_id = tenant AND d.kind = k.kind AND d.key = k.key
    ORDER BY d.lead_id = own, k.weight LIMIT 1;
    IF winner <> own THEN
        UPDATE capture.dedupe_key d SET lead_id = winner FROM unnest(kinds, keys) AS k (kind, key)
        WHERE d.tenant_id = tenant AND d.kind = k.kind AND d.key = k.key AND d.lead_id = own;
    END IF;
    RETURN coalesce(winner, own);
END
$$;
REVOKE ALL ON FUNCTION capture.claim FROM PUBLIC;
GRANT EXECUTE ON FUNCTION capture.claim TO capture_rpc, capture_worker;
