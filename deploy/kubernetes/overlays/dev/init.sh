#!/bin/sh
# Runs once in the new database, after roles.sql: the passwords of the roles, from embudo-postgres-passwords.
set -eu
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 --file /passwords/passwords.sql
