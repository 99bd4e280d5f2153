-- Who may do what in the database; applied after the schema, as its owner. INSERT, UPDATE and DELETE on the events are
-- nobody's; the trigger refuses change to the owner, too. A key goes only by an order that stands among the events.

REVOKE ALL ON SCHEMA acta, acta_keys FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA acta, acta_keys FROM PUBLIC, acta_app, acta_projector;
GRANT USAGE ON SCHEMA acta, acta_keys TO acta_app, acta_projector;
GRANT SELECT ON acta.events, acta.message_keys TO acta_app, acta_projector;
GRANT EXECUTE ON FUNCTION acta.append, acta.destroy_keys, acta.rewrite_keys TO acta_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON acta.dead_letters, acta.uploads TO acta_app;
GRANT SELECT, UPDATE ON acta.webhooks_followed TO acta_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON acta.webhook_places, acta.webhook_deliveries TO acta_app;
GRANT SELECT, INSERT, DELETE ON acta.webhook_attempts TO acta_app;
GRANT USAGE, SELECT ON SEQUENCE acta.ticket_number TO acta_app;
GRANT SELECT, INSERT (subject, kek, wrapped) ON acta_keys.subject_keys TO acta_app;
GRANT SELECT ON acta_keys.subject_keys TO acta_projector;
