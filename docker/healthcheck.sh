#!/usr/bin/env bash
# Succeed when the server answers /health; the image has no curl, Python is there anyway.
#
#   docker/healthcheck.sh [PORT]
set -euo pipefail

exec python3 -c '
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], timeout=4).read()
except (urllib.error.URLError, OSError) as error:
    sys.exit(f"{sys.argv[1]}: {error}")
' "http://127.0.0.1:${1:-${VO_SERVER__PORT:-8000}}/health"
