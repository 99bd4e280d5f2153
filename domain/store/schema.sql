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

-- The key of each sealed event, wrapped by its subject's; without its row one message is redacted.
CREATE TABLE IF NOT EXISTS acta.message_keys (
    stream  uuid    NOT NULL,
    version integer NOT NULL,
    subject uuid    NOT NULL,
    wrapped bytea   NOT NULL,
    PRIMARY KEY (stream, version)
);
-- The planner's statistics would keep some of the keys after they were destroyed.
ALTER TABLE acta.message_keys ALTER COLUMN wrapped SET STATISTICS 0;

-- The key of each person, wrapped by the key-encryption key, which is never here. Of a person who was erased the row is
-- left without the key, so that none is drawn for them again; erased counts those, in order.
CREATE SCHEMA IF NOT EXISTS acta_keys;
CREATE TABLE IF NOT EXISTS acta_keys.subject_keys (
    subject    uuid        PRIMARY KEY,
    kek        text        NOT NULL,
    wrapped    bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Which key-encryption keys are in use, and what is still wrapped by one of them.
CREATE INDEX IF NOT EXISTS subject_keys_kek ON acta_keys.subject_keys (kek);
ALTER TABLE acta_keys.subject_keys ADD COLUMN IF NOT EXISTS erased bigint;
ALTER TABLE acta_keys.subject_keys ALTER COLUMN wrapped SET STATISTICS 0;
CREATE INDEX IF NOT EXISTS subject_keys_erased ON acta_keys.subject_keys (erased) WHERE erased IS NOT NULL;
CREATE INDEX IF NOT EXISTS subject_keys_of_erased ON acta_keys.subject_keys (subject) WHERE erased IS NOT NULL;

-- What orders that something be erased, for those who carry it out.
CREATE INDEX IF NOT EXISTS events_orders ON acta.events (position)
    WHERE type IN ('ticket.redacted.v1', 'person.erasure-ordered.v1');

-- Which events put files to tickets: what lies elsewhere, for those who remove it or look whether it is whole.
CREATE INDEX IF NOT EXISTS events_attachments ON acta.events (position) WHERE type = 'ticket.attachment-added.v1';

-- Files on their way in, until a ticket takes them or they are given up: which chunks there are, elsewhere, by address
-- (pending: announced and perhaps not put yet). The key of the file, its name and its last bytes are sealed under the
-- key of the person who brings it (holder). expires_at is until when one waits; of one that was given up, since when it is.
CREATE TABLE IF NOT EXISTS acta.uploads (
    upload     uuid        PRIMARY KEY,
    holder     uuid        NOT NULL,
    begun_at   timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    length     bigint      CHECK (length >= 0),
    received   bigint      NOT NULL DEFAULT 0,
    chunks     bytea[]     NOT NULL DEFAULT '{}',
    pending    bytea[]     NOT NULL DEFAULT '{}',
    sealed     bytea       NOT NULL,
    tail       bytea,
    complete   boolean     NOT NULL DEFAULT false,
    given_up   boolean     NOT NULL DEFAULT false
);
CREATE INDEX IF NOT EXISTS uploads_holder ON acta.uploads (holder);
CREATE INDEX IF NOT EXISTS uploads_expires_at ON acta.uploads (expires_at);
ALTER TABLE acta.uploads ALTER COLUMN sealed SET STATISTICS 0, ALTER COLUMN tail SET STATISTICS 0;

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
-- rests on (rests, by unit; without a unit: the decisions of all) is still at the version it was read at, and nobody for
-- whom it is sealed has been erased, and the uploads that it takes are all there; they are taken by it, once. Under the advisory lock, which lasts until commit, positions are dense and commit order is position order, so no follower can
-- ever miss an event. For every ticket number given, a fresh one comes back; and with it the streams in which others
-- have recorded something since the position seen, or lately if that is long ago.
DROP FUNCTION IF EXISTS acta.append(integer[], uuid[], integer[], text[], bigint[], bytea[], uuid[], bytea[]);
DROP FUNCTION IF EXISTS acta.append(
    integer[], uuid[], integer[], text[], bigint[], bytea[], uuid[], bytea[], integer[], uuid[], integer[]);
DROP FUNCTION IF EXISTS acta.append(
    integer[], uuid[], integer[], text[], bigint[], bytea[], uuid[], bytea[], integer[], uuid[], integer[], bigint);
CREATE OR REPLACE FUNCTION acta.append(
    units integer[], streams uuid[], versions integer[], types text[], numbers bigint[], bodies bytea[],
    subjects uuid[], wrapped_keys bytea[],
    resting integer[] DEFAULT '{}', rests uuid[] DEFAULT '{}', rested_versions integer[] DEFAULT '{}',
    seen bigint DEFAULT 0,
    taking integer[] DEFAULT '{}', uploads_taken uuid[] DEFAULT '{}',
    OUT head bigint, OUT stamped timestamptz, OUT refused integer[], OUT fresh_numbers bigint[], OUT moved uuid[]
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = acta, pg_catalog, pg_temp AS $$
DECLARE
    there uuid[] := '{}';
BEGIN
    PERFORM pg_advisory_xact_lock(4021985);
    SELECT e.position, greatest(clock_timestamp(), e.recorded_at) INTO head, stamped
        FROM events e ORDER BY e.position DESC LIMIT 1;
    head := coalesce(head, 0);
    stamped := coalesce(stamped, clock_timestamp());

    IF cardinality(uploads_taken) > 0 THEN
        -- Whoever is giving one of them up is waited for.
        there := ARRAY(SELECT u.upload FROM uploads u
            WHERE u.upload = ANY (uploads_taken) AND u.complete AND NOT u.given_up FOR UPDATE);
    END IF;

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
        UNION ALL
        SELECT g.unit
        FROM unnest(units, subjects) AS g(unit, subject)
        WHERE EXISTS (SELECT FROM acta_keys.subject_keys k WHERE k.subject = g.subject AND k.erased IS NOT NULL)
        UNION ALL
        SELECT g.unit FROM unnest(taking, uploads_taken) AS g(unit, upload) WHERE g.upload <> ALL (there)
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

    IF cardinality(there) > 0 THEN
        -- What was announced and never counted is no part of the file, and left to those who clear.
        UPDATE uploads u SET given_up = true, expires_at = stamped, chunks = '{}', sealed = '', tail = NULL
        FROM unnest(taking, uploads_taken) AS g(unit, upload)
        WHERE u.upload = g.upload AND g.unit <> ALL (refused) AND u.pending <> '{}';
        DELETE FROM uploads u USING unnest(taking, uploads_taken) AS g(unit, upload)
        WHERE u.upload = g.upload AND g.unit <> ALL (refused) AND u.pending = '{}';
    END IF;

    SELECT coalesce(array_agg(nextval('ticket_number')), '{}') INTO fresh_numbers
    FROM unnest(numbers) AS g(number) WHERE g.number IS NOT NULL;

    moved := '{}';
    IF seen < head THEN
        moved := ARRAY(SELECT DISTINCT e.stream FROM events e
            WHERE e.position > greatest(seen, head - 1000) AND e.position <= head);
    END IF;
END $$;
REVOKE ALL ON FUNCTION acta.append FROM PUBLIC;

-- The one way in which a key is destroyed: by an order that stands in the record. May be repeated.
CREATE OR REPLACE FUNCTION acta.destroy_keys(ordered_at bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = acta, pg_catalog, pg_temp AS $$
DECLARE
    ordered record;
BEGIN
    PERFORM pg_advisory_xact_lock(4021987);
    SELECT e.stream, e.type, convert_from(e.body, 'UTF8')::json AS body INTO ordered
        FROM events e WHERE e.position = ordered_at;
    IF ordered.type = 'ticket.redacted.v1' THEN
        DELETE FROM message_keys k WHERE k.stream = ordered.stream
            AND k.version IN (SELECT json_array_elements_text(ordered.body -> 'versions')::integer);
    ELSIF ordered.type = 'person.erasure-ordered.v1' THEN
        -- From here on no event is recorded that is sealed for them.
        PERFORM pg_advisory_xact_lock(4021985);
        INSERT INTO acta_keys.subject_keys AS k (subject, kek, wrapped, erased)
        SELECT (ordered.body ->> 'subject')::uuid, '', '', 1 + coalesce(max(s.erased), 0) FROM acta_keys.subject_keys s
        ON CONFLICT (subject) DO UPDATE SET kek = '', wrapped = '', erased = excluded.erased
            -- The desk's own secret is nobody's.
            WHERE k.erased IS NULL AND k.subject <> '5ec9e700-0000-4000-8000-000000000001';
    ELSE
        RAISE EXCEPTION 'position % does not order that anything be erased', ordered_at;
    END IF;
END $$;
REVOKE ALL ON FUNCTION acta.destroy_keys FROM PUBLIC;

-- Writes both tables of keys anew, since PostgreSQL leaves the bytes of a deleted row where they were; and the uploads
-- that wait, since the row of one that was attached had the key of its file. Writers wait only while these and what was
-- recorded meanwhile are copied; where a long reader is in the way, it gives up and can be repeated.
CREATE OR REPLACE FUNCTION acta.rewrite_keys() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = acta, pg_catalog, pg_temp SET enable_seqscan = on AS $$
DECLARE
    copied_to bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(4021987);
    SELECT coalesce(max(e.position), 0) INTO copied_to FROM events e;
    CREATE TABLE message_keys_anew (LIKE message_keys);
    ALTER TABLE message_keys_anew ALTER COLUMN wrapped SET STATISTICS 0;
    INSERT INTO message_keys_anew SELECT k.* FROM message_keys k WHERE NOT EXISTS (
        SELECT FROM acta_keys.subject_keys s WHERE s.subject = k.subject AND s.erased IS NOT NULL);
    ALTER TABLE message_keys_anew ADD CONSTRAINT message_keys_anew_pkey PRIMARY KEY (stream, version);
    ANALYZE message_keys_anew;

    PERFORM set_config('lock_timeout', '2s', true);
    PERFORM pg_advisory_xact_lock(4021985);
    LOCK TABLE message_keys, acta_keys.subject_keys, uploads IN ACCESS EXCLUSIVE MODE;
    INSERT INTO message_keys_anew
        SELECT k.* FROM events e JOIN message_keys k USING (stream, version) WHERE e.position > copied_to
        ON CONFLICT DO NOTHING;
    DROP TABLE message_keys;
    ALTER TABLE message_keys_anew RENAME TO message_keys;
    ALTER INDEX message_keys_anew_pkey RENAME TO message_keys_pkey;
    GRANT SELECT ON message_keys TO acta_app, acta_projector;

    -- A row for each person is little: this one is emptied and filled again.
    CREATE TABLE acta_keys.kept AS SELECT k.* FROM acta_keys.subject_keys k;
    TRUNCATE acta_keys.subject_keys;
    INSERT INTO acta_keys.subject_keys SELECT k.* FROM acta_keys.kept k;
    DROP TABLE acta_keys.kept;

    CREATE TABLE uploads_kept AS SELECT u.* FROM uploads u;
    TRUNCATE uploads;
    INSERT INTO uploads SELECT u.* FROM uploads_kept u;
    DROP TABLE uploads_kept;
END $$;
REVOKE ALL ON FUNCTION acta.rewrite_keys FROM PUBLIC;

-- What came through a department's door and could not be taken, sealed with a key of its own under a desk's key; it
-- waits to be corrected, handed in again or given up, and goes then. What happened to it is in the log.
CREATE TABLE IF NOT EXISTS acta.dead_letters (
    letter     uuid        PRIMARY KEY,
    department text        NOT NULL,
    code       text        NOT NULL,
    kept_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    wrapped    bytea       NOT NULL,
    sealed     bytea       NOT NULL
);
CREATE INDEX IF NOT EXISTS dead_letters_kept_at ON acta.dead_letters (kept_at, letter);

-- Webhooks: up to which version the configuration is followed; how far each webhook has read the log; what waits to be
-- delivered, as a position and never as what it says; and what became of each attempt, for some weeks.
CREATE TABLE IF NOT EXISTS acta.webhooks_followed (
    one           boolean PRIMARY KEY DEFAULT true CHECK (one),
    setup_version integer NOT NULL
);
INSERT INTO acta.webhooks_followed (setup_version) VALUES (0) ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS acta.webhook_places (
    webhook  text   PRIMARY KEY,
    position bigint NOT NULL
);
-- A delivery waits for those before it of the same line (what its sender calls the matter) and of the same ticket, and is
-- due at infinity until they are gone.
CREATE TABLE IF NOT EXISTS acta.webhook_deliveries (
    webhook  text        NOT NULL,
    position bigint      NOT NULL,
    line     bytea       NOT NULL,
    ticket   uuid,
    attempts integer     NOT NULL DEFAULT 0,
    due_at   timestamptz NOT NULL,
    given_up text        NOT NULL DEFAULT '' CHECK (given_up IN ('', 'gone', 'exhausted')),
    PRIMARY KEY (webhook, position)
);
CREATE INDEX IF NOT EXISTS webhook_deliveries_due ON acta.webhook_deliveries (webhook, due_at, position);
CREATE INDEX IF NOT EXISTS webhook_deliveries_line ON acta.webhook_deliveries (webhook, line, position);
CREATE INDEX IF NOT EXISTS webhook_deliveries_ticket ON acta.webhook_deliveries (webhook, ticket, position);
CREATE TABLE IF NOT EXISTS acta.webhook_attempts (
    entry    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook  text        NOT NULL,
    at       timestamptz NOT NULL,
    message  text        NOT NULL,
    position bigint      NOT NULL,
    type     text        NOT NULL,
    ticket   uuid,
    attempt  integer     NOT NULL,
    outcome  text        NOT NULL,
    status   integer,
    error    text        NOT NULL,
    took_ms  integer     NOT NULL,
    next_at  timestamptz
);
CREATE INDEX IF NOT EXISTS webhook_attempts_webhook ON acta.webhook_attempts (webhook, entry);
CREATE INDEX IF NOT EXISTS webhook_attempts_at ON acta.webhook_attempts (at);
