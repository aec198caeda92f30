-- Who may do what in Embudo's database. Run by a superuser inside that database, before the migrations; running it
-- again changes nothing:
--
--     psql --dbname=embudo --file=deploy/postgres/roles.sql
--
-- embudo_owner      owns every schema and table; the migrations run as it, services never do
-- <service>_rpc     what a service answers calls with: row-level security shows it the caller's tenant alone
-- <service>_worker  what a service's relays, consumers and due-row workers use: sees all tenants, by a policy
--
-- The roles are made without passwords. Where they come over TCP, set them, and give each service those of its own two
-- by PGPASSFILE, or one for both by PGPASSWORD:
--
--     ALTER ROLE pipeline_rpc PASSWORD '...';

SET client_min_messages = warning;

DO $roles$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY[
    'embudo_owner',
    'pipeline_rpc', 'pipeline_worker', 'capture_rpc', 'capture_worker', 'scoring_rpc', 'scoring_worker',
    'automation_rpc', 'automation_worker', 'reporting_rpc', 'reporting_worker']
  LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
      EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT',
                     role_name);
    ELSIF EXISTS (SELECT FROM pg_roles WHERE rolname = role_name AND (rolsuper OR rolbypassrls)) THEN
      RAISE EXCEPTION 'role % is a superuser or bypasses row-level security: it must not', role_name;
    END IF;
    -- What the services ask for when they connect, for sessions whose pooler does not pass it on.
    IF NOT EXISTS (SELECT FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
                   WHERE r.rolname = role_name AND s.setdatabase = 0
                     AND 'plan_cache_mode=force_generic_plan' = ANY (s.setconfig)) THEN
      EXECUTE format('ALTER ROLE %I SET timezone = ''UTC''', role_name);
      EXECUTE format('ALTER ROLE %I SET datestyle = ''ISO''', role_name);
      EXECUTE format('ALTER ROLE %I SET lock_timeout = ''10s''', role_name);
      EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = ''60s''', role_name);
      EXECUTE format('ALTER ROLE %I SET plan_cache_mode = ''force_generic_plan''', role_name);
    END IF;
  END LOOP;
END
$roles$;

-- The database and its public schema are for nobody but these roles.
DO $database$
BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT, CREATE, TEMPORARY ON DATABASE %I TO embudo_owner', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO pipeline_rpc, pipeline_worker, capture_rpc, capture_worker,'
                 ' scoring_rpc, scoring_worker, automation_rpc, automation_worker, reporting_rpc, reporting_worker',
                 current_database());
  -- Its consumer gathers what a batch of events adds to sums in a table that ends with the transaction.
  EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO reporting_worker', current_database());
END
$database$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- What embudo_owner makes is nobody's until a migration grants it: functions would else be everybody's.
ALTER DEFAULT PRIVILEGES FOR ROLE embudo_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- One schema a service; the rights on tables are granted by the migrations that make them.
CREATE SCHEMA IF NOT EXISTS pipeline AUTHORIZATION embudo_owner;
CREATE SCHEMA IF NOT EXISTS capture AUTHORIZATION embudo_owner;
CREATE SCHEMA IF NOT EXISTS scoring AUTHORIZATION embudo_owner;
CREATE SCHEMA IF NOT EXISTS automation AUTHORIZATION embudo_owner;
CREATE SCHEMA IF NOT EXISTS reporting AUTHORIZATION embudo_owner;
GRANT USAGE ON SCHEMA capture TO capture_rpc, capture_worker;
GRANT USAGE ON SCHEMA scoring TO scoring_rpc, scoring_worker;
GRANT USAGE ON SCHEMA automation TO automation_rpc, automation_worker;
GRANT USAGE ON SCHEMA reporting TO reporting_rpc, reporting_worker;
-- The pipeline's published views are there for all.
GRANT USAGE ON SCHEMA pipeline TO pipeline_rpc, pipeline_worker, capture_rpc, capture_worker, scoring_rpc,
  scoring_worker, automation_rpc, automation_worker, reporting_rpc, reporting_worker;
