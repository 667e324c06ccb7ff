#!/usr/bin/env bash
# Run a command with the database's password in the environment, read from a secret where there is one.
#
#   docker/serve.sh COMMAND [ARGUMENT...]
#
# VO_DATABASE then names host, database and role, but no password: PostgreSQL's library takes it from PGPASSWORD.
set -euo pipefail

if [[ -n ${VO_DATABASE_PASSWORD_FILE:-} ]]; then
  PGPASSWORD=$(<"$VO_DATABASE_PASSWORD_FILE")
  export PGPASSWORD
fi
exec "$@"
