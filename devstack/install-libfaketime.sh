#!/usr/bin/env bash
# Sees that this machine has the library with which tests/faults puts a process' clock wrong.
set -euo pipefail

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_package() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --no-install-recommends libfaketime
}

if compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null; then exit 0; fi
if ! command -v apt-get >/dev/null || ! as_root true 2>/dev/null; then
    echo "libfaketime is missing: no clock jumps in the runs under faults." >&2
    exit 0
fi
echo "Installing libfaketime"
install_package || { as_root apt-get update --quiet && install_package; }
