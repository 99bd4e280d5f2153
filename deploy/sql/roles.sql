-- Who may do what in the database, applied by the owner after the schema (`acta up`, and Compose alike).
-- acta_owner owns everything and nobody logs in as it; acta_app writes through acta.append only; acta_projector keeps
-- the views and may read the store; acta_analyst reads the stable views, which hold no personal field.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'acta_app') THEN CREATE ROLE acta_app LOGIN; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'acta_projector') THEN CREATE ROLE acta_projector LOGIN; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'acta_analyst') THEN CREATE ROLE acta_analyst NOLOGIN; END IF;
END $$;

REVOKE ALL ON SCHEMA acta, acta_keys FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA acta, acta_keys FROM PUBLIC, acta_app, acta_projector;

GRANT USAGE ON SCHEMA acta, acta_keys TO acta_app, acta_projector;
GRANT SELECT ON acta.events, acta.message_keys TO acta_app, acta_projector;
GRANT EXECUTE ON FUNCTION acta.append TO acta_app;
GRANT USAGE, SELECT ON SEQUENCE acta.ticket_number TO acta_app;
GRANT SELECT, INSERT ON acta_keys.subject_keys TO acta_app;
GRANT SELECT ON acta_keys.subject_keys TO acta_projector;
GRANT acta_projector TO acta_app;

-- Views are created and rebuilt by the projector in schemas of its own.
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO acta_projector', current_database()); END $$;
