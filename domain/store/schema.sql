-- The event store: applied by its owner, once, by `acta up`. Every statement can be run again.

CREATE SCHEMA IF NOT EXISTS acta;

CREATE TABLE IF NOT EXISTS acta.events (
    position    bigint      PRIMARY KEY,
    stream      uuid        NOT NULL,
    version     integer     NOT NULL CHECK (version > 0),
    type        text        NOT NULL,
    recorded_at timestamptz NOT NULL,
    number      bigint,
    body        bytea       NOT NULL,
    UNIQUE (stream, version)
);
CREATE UNIQUE INDEX IF NOT EXISTS events_number ON acta.events (number) INCLUDE (stream) WHERE number IS NOT NULL;

-- Old rows never change, so freezing them early spares a later storm of anti-wraparound vacuums.
ALTER TABLE acta.events SET (autovacuum_freeze_min_age = 0);

CREATE SEQUENCE IF NOT EXISTS acta.ticket_number;

-- The key of each sealed event, wrapped by its subject's; deleting a row redacts one message.
CREATE TABLE IF NOT EXISTS acta.message_keys (
    stream  uuid    NOT NULL,
    version integer NOT NULL,
    subject uuid    NOT NULL,
    wrapped bytea   NOT NULL,
    PRIMARY KEY (stream, version)
);

-- The key of each person, wrapped by the key-encryption key, which is never here; deleting a row erases a person.
CREATE SCHEMA IF NOT EXISTS acta_keys;
CREATE TABLE IF NOT EXISTS acta_keys.subject_keys (
    subject    uuid        PRIMARY KEY,
    kek        text        NOT NULL,
    wrapped    bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Which key-encryption keys are in use, and what is still wrapped by one of them.
CREATE INDEX IF NOT EXISTS subject_keys_kek ON acta_keys.subject_keys (kek);

CREATE OR REPLACE FUNCTION acta.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'acta.events is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
DROP TRIGGER IF EXISTS append_only ON acta.events;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON acta.events
    FOR EACH STATEMENT EXECUTE FUNCTION acta.refuse_change();
ALTER TABLE acta.events ENABLE ALWAYS TRIGGER append_only;

-- The one way in. Each unit is a set of events that succeed or fail together; a unit is refused whole unless, in each
-- of its streams, it begins with the version after the newest and leaves no gap, and every stream that its decision
-- rests on (rests, by unit; without a unit: the decisions of all) is still at the version it was read at. Under the
-- advisory lock, which lasts until commit, positions are dense and commit order is position order, so no follower can
-- ever miss an event. For every ticket number given, a fresh one comes back; and with it the streams in which others
-- have recorded something since the position seen, or lately if that is long ago.
DROP FUNCTION IF EXISTS acta.append(integer[], uuid[], integer[], text[], bigint[], bytea[], uuid[], bytea[]);
DROP FUNCTION IF EXISTS acta.append(
    integer[], uuid[], integer[], text[], bigint[], bytea[], uuid[], bytea[], integer[], uuid[], integer[]);
CREATE OR REPLACE FUNCTION acta.append(
    units integer[], streams uuid[], versions integer[], types text[], numbers bigint[], bodies bytea[],
    subjects uuid[], wrapped_keys bytea[],
    resting integer[] DEFAULT '{}', rests uuid[] DEFAULT '{}', rested_versions integer[] DEFAULT '{}',
    seen bigint DEFAULT 0,
    OUT head bigint, OUT stamped timestamptz, OUT refused integer[], OUT fresh_numbers bigint[], OUT moved uuid[]
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = acta, pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(4021985);
    SELECT e.position, greatest(clock_timestamp(), e.recorded_at) INTO head, stamped
        FROM events e ORDER BY e.position DESC LIMIT 1;
    head := coalesce(head, 0);
    stamped := coalesce(stamped, clock_timestamp());

    -- A unit that is NULL, standing for all, makes every comparison with refused NULL: nothing is recorded then.
    SELECT coalesce(array_agg(DISTINCT late.unit), '{}') INTO refused
    FROM (
        SELECT given.unit
        FROM (
            SELECT g.unit, g.stream, min(g.version) AS first, max(g.version) - min(g.version) + 1 <> count(*) AS gap
            FROM unnest(units, streams, versions) AS g(unit, stream, version)
            GROUP BY g.unit, g.stream
        ) AS given
        WHERE given.gap
           OR given.first <> 1 + coalesce(
               (SELECT e.version FROM events e WHERE e.stream = given.stream ORDER BY e.version DESC LIMIT 1), 0)
        UNION ALL
        SELECT g.unit
        FROM unnest(resting, rests, rested_versions) AS g(unit, stream, version)
        WHERE g.version <> coalesce(
               (SELECT e.version FROM events e WHERE e.stream = g.stream ORDER BY e.version DESC LIMIT 1), 0)
    ) AS late;

    INSERT INTO events (position, stream, version, type, recorded_at, number, body)
    SELECT head + row_number() OVER (ORDER BY g.n), g.stream, g.version, g.type, stamped, g.number, g.body
    FROM unnest(units, streams, versions, types, numbers, bodies)
        WITH ORDINALITY AS g(unit, stream, version, type, number, body, n)
    WHERE g.unit <> ALL (refused)
    ORDER BY g.n;

    INSERT INTO message_keys (stream, version, subject, wrapped)
    SELECT g.stream, g.version, g.subject, g.wrapped
    FROM unnest(units, streams, versions, subjects, wrapped_keys) AS g(unit, stream, version, subject, wrapped)
    WHERE g.unit <> ALL (refused) AND g.wrapped IS NOT NULL;

    SELECT coalesce(array_agg(nextval('ticket_number')), '{}') INTO fresh_numbers
    FROM unnest(numbers) AS g(number) WHERE g.number IS NOT NULL;

    moved := '{}';
    IF seen < head THEN
        moved := ARRAY(SELECT DISTINCT e.stream FROM events e
            WHERE e.position > greatest(seen, head - 1000) AND e.position <= head);
    END IF;
END $$;
REVOKE ALL ON FUNCTION acta.append FROM PUBLIC;
