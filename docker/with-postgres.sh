#!/usr/bin/env bash
# Run a command with VO_TEST_POSTGRES naming a fresh PostgreSQL with Q3C, which ends with the command.
#
#   docker/with-postgres.sh COMMAND [ARGUMENT...]
#
# Where the package of pgSphere is installed, the database `pgsphere` beside it is one to copy, with pgSphere in it.
# When VO_TEST_POSTGRES is set already, that database is used and nothing is started.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if [[ -n ${VO_TEST_POSTGRES:-} ]]; then
  exec "$@"
fi

bin=${VO_POSTGRES_BIN:-/usr/lib/postgresql/15/bin}
directory=$(mktemp --directory "${TMPDIR:-/tmp}/vo-postgres.XXXXXX")
server=

stop() {
  if [[ -n $server ]]; then
    # TERM ends a start in its first steps, INT ends a running postmaster at once.
    kill -TERM "$server" 2>/dev/null && kill -INT "$server" 2>/dev/null || true
    wait "$server" || true
  fi
  rm -rf "$directory"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

free_port() {
  "${PYTHON:-python3}" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# The postmaster gets SIGINT when this shell is killed, so that nothing outlives a run. What a crash would cost is not
# worth waiting for here: the cluster is thrown away. Tests make roles to try what those may not do, and servers that
# stay until the last test of a process hold connections.
start() {
  VO_POSTGRES_PARENT_SIGNAL=INT VO_POSTGRES_PASSWORD_FILE=$directory/password VO_POSTGRES_ROLE_OPTIONS=CREATEROLE \
    VO_POSTGRES_NO_SYNC=1 "$here/serve-postgres.sh" "$directory/data" \
    -c listen_addresses=127.0.0.1 -c "port=$1" -c fsync=off -c full_page_writes=off -c max_connections=300 >"$directory/log" 2>&1 &
  server=$!
}

is_ready() {
  "$bin/pg_isready" --quiet --host=127.0.0.1 --port="$1"
}

# Tests of tables with pgSphere's types copy a database with it; without the package they are skipped.
if "$here/pgsphere-script.sh" >"$directory/pgsphere.sql" 2>/dev/null; then
  export VO_POSTGRES_PGSPHERE=$directory/pgsphere.sql
fi
mkdir "$directory/data"
chmod 711 "$directory"
(umask 077 && head -c 24 /dev/urandom | base64 | tr -d '+/=\n' >"$directory/password")

for _ in 1 2 3; do
  port=$(free_port)
  start "$port"
  until is_ready "$port"; do
    # Gone before it was ready: most likely somebody else took the port.
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  is_ready "$port" && break
  wait "$server" || true
  server=
done
if [[ -z $server ]]; then
  echo "with-postgres: PostgreSQL does not start:" >&2
  tail -n 20 "$directory/log" >&2
  exit 1
fi

VO_TEST_POSTGRES="postgresql://vo:$(<"$directory/password")@127.0.0.1:$port/vo" "$@"
