#!/usr/bin/env bash
# Install Debian packages, skipping what is there.
#
#   docker/apt-install.sh PACKAGE...
#
# Needs root or sudo only when something is missing. Used by the images and by the Makefile.
set -euo pipefail

is_installed() {
  [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

if ! command -v apt-get >/dev/null; then
  echo "apt-install: there is no apt-get here; install these yourself: $*" >&2
  exit 1
fi

missing=()
for package in "$@"; do
  is_installed "$package" || missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then
  exit 0
fi

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "apt-install: not root and no sudo; ask somebody to run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
  # Without a terminal nobody can type a password: fail instead of waiting.
  [[ -t 0 ]] || as_root=(sudo --non-interactive)
fi

echo "apt-install: installing ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends "${missing[@]}" >&2
