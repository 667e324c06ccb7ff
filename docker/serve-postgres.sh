#!/usr/bin/env bash
# Serve a PostgreSQL cluster with Q3C in the foreground; make it first when the directory holds none.
#
#   docker/serve-postgres.sh DIRECTORY [postgres option...]
#
# The database `vo` belongs to the role `vo`, which is no superuser; Q3C is in it and in every database made later.
# VO_POSTGRES_PASSWORD_FILE names the file with the password of `vo`, and VO_POSTGRES_ROLE_OPTIONS says what else the
# role may do; both are read when the cluster is made. VO_POSTGRES_NO_SYNC=1 makes it without waiting for the disk.
# VO_POSTGRES_PGSPHERE names a file with pgSphere's script, which is run in a database `pgsphere` for tests to copy; the
# server never needs it.
# Run by root, the cluster belongs to the user postgres. Stops on SIGINT (fast) and SIGTERM (waits for its clients).
# VO_POSTGRES_PARENT_SIGNAL is a signal to get when the parent process ends.
set -euo pipefail
bin=${VO_POSTGRES_BIN:-/usr/lib/postgresql/15/bin}
directory=$(cd "$1" && pwd)
cluster=$directory/cluster
shift

as_owner=()
if [[ $(id -u) -eq 0 ]]; then
  chown postgres "$directory"
  as_owner=(setpriv --reuid=postgres --regid=postgres --init-groups)
fi
serve=("${as_owner[@]}")
if [[ -n ${VO_POSTGRES_PARENT_SIGNAL:-} ]]; then
  # Last, because a change of user takes the signal away again.
  serve=("${as_owner[@]}" setpriv "--pdeathsig=$VO_POSTGRES_PARENT_SIGNAL")
fi
cd "$directory"

# One command a line: single-user mode reads no more than that.
statements() {
  cat <<SQL
CREATE ROLE vo LOGIN ${VO_POSTGRES_ROLE_OPTIONS:-NOCREATEROLE} CREATEDB PASSWORD '${1//\'/\'\'}'
CREATE EXTENSION q3c
CREATE DATABASE vo OWNER vo TEMPLATE template1
SQL
}

# Runs the statements on standard input as a superuser: postgres --single OPTION... DATABASE.
single_user() {
  "${as_owner[@]}" "$bin/postgres" --single -c exit_on_error=on ${VO_POSTGRES_NO_SYNC:+-c fsync=off} "$@" >/dev/null
}

# Its functions are in C, so that only a superuser can make them. With -j statements end before an empty line.
add_pgsphere() {
  echo 'CREATE DATABASE pgsphere OWNER vo IS_TEMPLATE true' | single_user -D "$1" template1
  single_user -j -D "$1" pgsphere <"$VO_POSTGRES_PGSPHERE"
}

make_cluster() {
  local part=$directory/cluster.part password
  password=$(<"${VO_POSTGRES_PASSWORD_FILE:?names the file with the password of the role vo}")
  rm -rf "$part"
  "${as_owner[@]}" "$bin/initdb" --pgdata="$part" --username=postgres --encoding=UTF8 --locale=C.UTF-8 \
    --auth-local=peer --auth-host=scram-sha-256 ${VO_POSTGRES_NO_SYNC:+--no-sync} >/dev/null
  echo 'host all all all scram-sha-256' >>"$part/pg_hba.conf"
  statements "$password" | single_user -D "$part" template1
  [[ -z ${VO_POSTGRES_PGSPHERE:-} ]] || add_pgsphere "$part"
  # A start that was killed leaves the part, never half a cluster.
  mv "$part" "$cluster"
}

if [[ ! -f $cluster/PG_VERSION ]]; then
  make_cluster
fi
exec "${serve[@]}" "$bin/postgres" -D "$cluster" -c "unix_socket_directories=$directory" "$@"
