#!/usr/bin/env bash
# Install PostgreSQL 15 with Q3C from Debian's packages, and no cluster: serve-postgres.sh makes its own.
#
#   docker/install-postgres.sh
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
packages=(postgresql-15 postgresql-15-q3c)
bin=${VO_POSTGRES_BIN:-/usr/lib/postgresql/15/bin}

is_there() {
  [[ -x $bin/postgres && -f /usr/share/postgresql/15/extension/q3c.control ]]
}

if is_there; then
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  cat >&2 <<'TEXT'
install-postgres: this is not a Debian system, so PostgreSQL cannot be installed from here.
Give a database of your own (PostgreSQL 15 or later with Q3C; the tests create and drop schemas in it):

  VO_TEST_POSTGRES=postgresql://user:password@host:port/database make test
TEXT
  exit 1
fi

as_root=()
[[ $(id -u) -eq 0 ]] || as_root=(sudo)

# Debian's package makes and starts a cluster on port 5432 unless it is told not to; the word is taken back at the end.
drop_in=/etc/postgresql-common/createcluster.d/vo-server.conf
"${as_root[@]}" mkdir -p "$(dirname "$drop_in")"
echo 'create_main_cluster = false' | "${as_root[@]}" tee "$drop_in" >/dev/null
trap '"${as_root[@]}" rm -f "$drop_in"' EXIT

"$here/apt-install.sh" "${packages[@]}"
is_there
