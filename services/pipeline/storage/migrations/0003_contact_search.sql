-- What contacts are found by: the words of their names, mail addresses, domains and phone numbers, each a key of its
-- own, so that a search by prefix walks an index and stops at its limit, however many contacts there are.

-- Text without letter case, accents and apostrophes, as text::MatchKey has it.
CREATE FUNCTION pipeline.fold(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT replace(lower(regexp_replace(normalize(value, NFKD), '[\u0300-\u036f''\u2019]', '', 'g')
                         COLLATE "und-x-icu"), 'ß', 'ss')
$$;

CREATE TABLE pipeline.contact_key (
    tenant_id text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    contact_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, key, contact_id)
);
CREATE INDEX contact_key_contact ON pipeline.contact_key (tenant_id, contact_id, key);

-- The keys of a contact, the first letter telling what they are: a word of the name, a mail address, the domain of one,
-- the domain of the website, the digits of a phone number, and these backwards.
CREATE FUNCTION pipeline.contact_keys(c pipeline.contact) RETURNS TABLE (key text) LANGUAGE sql IMMUTABLE AS $$
    SELECT 'n' || left(word, 64)
    FROM regexp_split_to_table(pipeline.fold(c.display_name) COLLATE "und-x-icu", '[^[:alnum:]]+') word WHERE word <> ''
    UNION SELECT 'e' || email FROM unnest(array_append(c.other_emails, c.email)) email WHERE email <> ''
    UNION SELECT 'd' || substring(email FROM '[^@]*$')
    FROM unnest(array_append(c.other_emails, c.email)) email WHERE email <> ''
    UNION SELECT 'w' || left(domain, 253)
    FROM substring(lower(c.website) FROM '^\s*(?:[a-z]+://)?(?:[^/@]*@)?(?:www\.)?([^/:?#\s]+)') domain
    WHERE domain <> ''
    UNION SELECT k.key
    FROM unnest(array_append(c.other_phones, c.phone)) phone,
         regexp_replace(split_part(phone, ';', 1), '[^0-9]', '', 'g') digits,
         LATERAL (VALUES ('p' || digits), ('r' || reverse(digits))) k(key)
    WHERE length(digits) >= 5
$$;
GRANT EXECUTE ON FUNCTION pipeline.fold, pipeline.contact_keys TO pipeline_rpc, pipeline_worker;

CREATE FUNCTION pipeline.keep_contact_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO pipeline.contact_key (tenant_id, key, contact_id)
        SELECT n.tenant_id, k.key, n.contact_id FROM new_contacts n, pipeline.contact_keys(n) k
        WHERE n.delete_time IS NULL;
    ELSIF TG_OP = 'DELETE' THEN
        DELETE FROM pipeline.contact_key k USING old_contacts o
        WHERE k.tenant_id = o.tenant_id AND k.contact_id = o.contact_id;
    ELSE
        DELETE FROM pipeline.contact_key k USING old_contacts o JOIN new_contacts n USING (tenant_id, contact_id)
        WHERE k.tenant_id = o.tenant_id AND k.contact_id = o.contact_id
          AND (o.display_name, o.email, o.other_emails, o.phone, o.other_phones, o.website, o.delete_time)
              IS DISTINCT FROM
              (n.display_name, n.email, n.other_emails, n.phone, n.other_phones, n.website, n.delete_time);
        INSERT INTO pipeline.contact_key (tenant_id, key, contact_id)
        SELECT n.tenant_id, k.key, n.contact_id
        FROM new_contacts n JOIN old_contacts o USING (tenant_id, contact_id), pipeline.contact_keys(n) k
        WHERE n.delete_time IS NULL
          AND (o.display_name, o.email, o.other_emails, o.phone, o.other_phones, o.website, o.delete_time)
              IS DISTINCT FROM
              (n.display_name, n.email, n.other_emails, n.phone, n.other_phones, n.website, n.delete_time);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER keep_contact_keys_inserted AFTER INSERT ON pipeline.contact REFERENCING NEW TABLE AS new_contacts
    FOR EACH STATEMENT EXECUTE FUNCTION pipeline.keep_contact_keys();
CREATE TRIGGER keep_contact_keys_updated AFTER UPDATE ON pipeline.contact
    REFERENCING OLD TABLE AS old_contacts NEW TABLE AS new_contacts
    FOR EACH STATEMENT EXECUTE FUNCTION pipeline.keep_contact_keys();
CREATE TRIGGER keep_contact_keys_deleted AFTER DELETE ON pipeline.contact REFERENCING OLD TABLE AS old_contacts
    FOR EACH STATEMENT EXECUTE FUNCTION pipeline.keep_contact_keys();

-- Contacts from before this step. The owner of the tables is bound by row-level security too, so it is let off here.
ALTER TABLE pipeline.contact NO FORCE ROW LEVEL SECURITY;
INSERT INTO pipeline.contact_key (tenant_id, key, contact_id)
SELECT c.tenant_id, k.key, c.contact_id FROM pipeline.contact c, pipeline.contact_keys(c) k
WHERE c.delete_time IS NULL;
ALTER TABLE pipeline.contact FORCE ROW LEVEL SECURITY;

-- What every table of a tenant has.
ALTER TABLE pipeline.contact_key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON pipeline.contact_key TO pipeline_worker USING (true) WITH CHECK (true);
CREATE POLICY tenant ON pipeline.contact_key TO pipeline_rpc
    USING (tenant_id = current_setting('embudo.tenant', true))
    WITH CHECK (tenant_id = current_setting('embudo.tenant', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON pipeline.contact_key TO pipeline_rpc, pipeline_worker;
