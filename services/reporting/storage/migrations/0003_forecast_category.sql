-- The column that pipeline.lead has got since.
ALTER TABLE reporting.lead ADD COLUMN forecast_category text NOT NULL DEFAULT '';
