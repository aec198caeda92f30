-- "My leads", the newest first, page by page, without sorting all of them.
DROP INDEX pipeline.lead_owner;
CREATE INDEX lead_owner ON pipeline.lead (tenant_id, owner_id, create_time DESC, lead_id DESC)
    WHERE owner_id IS NOT NULL;
