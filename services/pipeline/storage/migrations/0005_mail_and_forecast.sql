-- What inbound mail needs: the alias of a team, what a message quotes, whether a machine wrote it. What the forecast
-- needs: how sure a deal is.

ALTER TABLE pipeline.team ADD COLUMN alias text NOT NULL DEFAULT '';
CREATE UNIQUE INDEX team_alias ON pipeline.team (tenant_id, alias) WHERE alias <> '' AND delete_time IS NULL;

ALTER TABLE pipeline.message ADD COLUMN quoted_body text NOT NULL DEFAULT '';
ALTER TABLE pipeline.message ADD COLUMN auto_generated boolean NOT NULL DEFAULT false;

ALTER TABLE pipeline.lead ADD COLUMN forecast_category text NOT NULL DEFAULT '';
ALTER TABLE pipeline.stage ADD COLUMN forecast_category text NOT NULL DEFAULT '';
