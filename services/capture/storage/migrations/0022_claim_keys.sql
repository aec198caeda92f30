-- What capture.claim does, for several at once: each gives its keys (they come in the order of weight) to a lead of its
-- own, and no two of them name the same key.
CREATE FUNCTION capture.claim_keys(tenant text, owns uuid[], kinds text[], keys text[])
RETURNS TABLE (own uuid, winner uuid) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    -- The lead that is made next is committed to disk, and with it all that was written to the log before it.
    PERFORM set_config('synchronous_commit', 'off', true);
    -- Those that come first are waited for here, one key after the other in an order that is the same for all, so that
    -- they do not wait for each other.
    INSERT INTO capture.dedupe_key (tenant_id, kind, key, lead_id)
    SELECT tenant, k.kind, k.key, k.own FROM unnest(owns, kinds, keys) AS k (own, kind, key) ORDER BY k.kind, k.key
    ON CONFLICT DO NOTHING;
    -- Another statement, which sees what they have committed.
    RETURN QUERY
    WITH won AS (
        SELECT DISTINCT ON (k.own) k.own, d.lead_id AS winner
        FROM unnest(owns, kinds, keys) WITH ORDINALITY AS k (own, kind, key, weight)
        JOIN capture.dedupe_key d ON d.tenant_id = tenant AND d.kind = k.kind AND d.key = k.key
        ORDER BY k.own, d.lead_id = k.own, k.weight
    ), moved AS (
        UPDATE capture.dedupe_key d SET lead_id = won.winner
        FROM unnest(owns, kinds, keys) AS k (own, kind, key) JOIN won ON won.own = k.own AND won.winner <> won.own
        WHERE d.tenant_id = tenant AND d.kind = k.kind AND d.key = k.key AND d.lead_id = k.own
    )
    SELECT k.own, coalesce(won.winner, k.own) FROM (SELECT DISTINCT unnest(owns) AS own) k LEFT JOIN won USING (own);
END
$$;
REVOKE ALL ON FUNCTION capture.claim_keys FROM PUBLIC;
GRANT EXECUTE ON FUNCTION capture.claim_keys TO capture_rpc, capture_worker;
