-- A worker deletes the marks that it takes in the transaction in which it has the scores recorded: no lease, and no
-- generation to tell a newer mark by, since whoever marks such a lead again waits for the transaction's end.
ALTER TABLE scoring.pending DROP COLUMN generation, DROP COLUMN lease_until;
