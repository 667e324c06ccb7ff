#!/usr/bin/env bash
# Print pgSphere's script in a form that a superuser can load by hand, for tests of tables with its types.
#
#   docker/pgsphere-script.sh
#
# CREATE EXTENSION pg_sphere of Debian 12's package works on PostgreSQL 15.18 and fails on 15.20 ("commutator operator
# @> is already the commutator of operator <@"): its script makes two deprecated operators `@` with a commutator that
# others have. They are left out here. Fails when the package (postgresql-15-pgsphere) is not installed.
set -euo pipefail
script=${VO_PGSPHERE_SCRIPT:-/usr/share/postgresql/15/extension/pg_sphere--1.2.0.sql}

if [[ ! -f $script ]]; then
  echo "pgsphere-script: there is no $script; the package is postgresql-15-pgsphere" >&2
  exit 1
fi
exec awk '
  /^\\/ { next }                                # a word to psql
  { gsub(/MODULE_PATHNAME/, "$libdir/pg_sphere") }
  /^CREATE OPERATOR @ \($/ { operator = "" ; is_inside = 1 }
  is_inside {
    operator = operator $0 "\n"
    if (/^\);/) { is_inside = 0; if (operator !~ /smoc/) printf "%s", operator }
    next
  }
  { print }
' "$script"
