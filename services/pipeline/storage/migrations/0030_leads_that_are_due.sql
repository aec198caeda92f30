-- For rules that wait for a time of leads: each asks for those whose field lies in a window, in the order of the field.
-- Partial where rules ask of open leads alone, so that closed ones cost nothing.
CREATE INDEX lead_stage_enter_time ON pipeline.lead (tenant_id, stage_enter_time, lead_id)
    WHERE state = 'OPEN' AND delete_time IS NULL;
CREATE INDEX lead_last_touch_time ON pipeline.lead (tenant_id, last_touch_time, lead_id)
    WHERE state = 'OPEN' AND next_activity_date IS NULL AND delete_time IS NULL;
CREATE INDEX lead_next_activity_date ON pipeline.lead (tenant_id, next_activity_date, lead_id)
    WHERE next_activity_date IS NOT NULL;
CREATE INDEX lead_expected_close_date ON pipeline.lead (tenant_id, expected_close_date, lead_id)
    WHERE expected_close_date IS NOT NULL;
CREATE INDEX lead_decision_date ON pipeline.lead (tenant_id, decision_date, lead_id) WHERE decision_date IS NOT NULL;
CREATE INDEX lead_close_time ON pipeline.lead (tenant_id, close_time, lead_id) WHERE close_time IS NOT NULL;
