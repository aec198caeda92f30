-- What is done about duplicates, by form and hook; and what becomes of mailing lists' mails.
ALTER TABLE capture.form ADD duplicate_rules jsonb NOT NULL DEFAULT '[]';
ALTER TABLE capture.hook ADD duplicate_rules jsonb NOT NULL DEFAULT '[]';
ALTER TABLE capture.mail_settings ADD mailing_lists text NOT NULL DEFAULT 'IGNORE';
