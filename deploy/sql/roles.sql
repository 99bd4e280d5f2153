-- Who there is in the database; applied first by `acta up`, on Compose and everywhere else alike.
-- acta_owner owns everything and nobody logs in as it; acta_app writes through acta.append only; acta_projector keeps
-- the views and may read the store; acta_analyst reads the stable views, which hold no personal field.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'acta_owner') THEN CREATE ROLE acta_owner NOLOGIN; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'acta_app') THEN CREATE ROLE acta_app LOGIN; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'acta_projector') THEN CREATE ROLE acta_projector LOGIN; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'acta_analyst') THEN CREATE ROLE acta_analyst LOGIN; END IF;
    EXECUTE format('GRANT acta_owner TO %I', current_user);
    EXECUTE format('GRANT CREATE ON DATABASE %I TO acta_owner', current_database());
    -- Views are created and rebuilt by the projector, in schemas of its own.
    EXECUTE format('GRANT CREATE ON DATABASE %I TO acta_projector', current_database());
END $$;
