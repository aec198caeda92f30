-- The columns that pipeline.lead has got since.
ALTER TABLE reporting.lead
    ADD COLUMN converted_budget numeric,
    ADD COLUMN converted_budget_currency text,
    ADD COLUMN converted_expected_revenue numeric,
    ADD COLUMN converted_expected_revenue_currency text,
    ADD COLUMN converted_recurring_revenue numeric,
    ADD COLUMN converted_recurring_revenue_currency text,
    ADD COLUMN rank text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN merged_into_id uuid,
    ADD COLUMN convert_time timestamptz,
    ADD COLUMN creator text NOT NULL DEFAULT '',
    ADD COLUMN collaborators text[] NOT NULL DEFAULT '{}',
    ADD COLUMN followers text[] NOT NULL DEFAULT '{}',
    ADD COLUMN unmet_criteria text[] NOT NULL DEFAULT '{}',
    ADD COLUMN override_reason text NOT NULL DEFAULT '',
    ADD COLUMN purge_time timestamptz;
