#!/usr/bin/env bash
# Run once by the PostgreSQL image on an empty volume: the roles that log in, with the passwords of deploy/.env.
# What they may do is decided by `acta up` (deploy/sql); a password is changed later with ALTER ROLE … PASSWORD.
set -euo pipefail

psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set=app="$ACTA_APP_PASSWORD" --set=projector="$ACTA_PROJECTOR_PASSWORD" --set=analyst="$ACTA_ANALYST_PASSWORD" <<'SQL'
CREATE ROLE acta_app LOGIN PASSWORD :'app';
CREATE ROLE acta_projector LOGIN PASSWORD :'projector';
CREATE ROLE acta_analyst LOGIN PASSWORD :'analyst';
SQL
