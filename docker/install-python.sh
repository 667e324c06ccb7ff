#!/usr/bin/env bash
# Install Python requirements into a virtual environment, every version as constraints.txt pins it.
#
#   docker/install-python.sh VENV REQUIREMENT...
#
# The environment is made when it is not there. uv is used where it is installed, because it is quicker; pip does the
# same otherwise. PYTHON names the interpreter.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
constraints=$here/../constraints.txt
python=${PYTHON:-python3}
venv=$1
shift

if ! command -v "$python" >/dev/null || ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "install-python: Python 3.11 or later is needed, and $python is not; name one with PYTHON=..." >&2
  exit 1
fi
echo "install-python: installing into $venv; the first time this takes a minute" >&2
if [[ ! -x $venv/bin/python ]]; then
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    "$here/apt-install.sh" python3-venv
  fi
  "$python" -m venv "$venv"
fi

# What builds a package is pinned as well; pip reads one or the other of these, by its version.
export PIP_CONSTRAINT=$constraints PIP_BUILD_CONSTRAINT=$constraints
if command -v uv >/dev/null; then
  uv pip install --quiet --python "$venv/bin/python" --constraint "$constraints" --build-constraint "$constraints" "$@" &&
    exit
  echo "install-python: uv could not install; trying pip" >&2
fi
# pip warns a lot of what does no harm (an index without metadata, being root): only a failure shows it.
log=$venv/install.log
if ! "$venv/bin/python" -m pip install --disable-pip-version-check "$@" >"$log" 2>&1; then
  printf '%s\n' "$(<"$log")" >&2
  echo "install-python: pip could not install; the reason is above" >&2
  exit 1
fi
