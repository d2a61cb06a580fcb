#!/usr/bin/env bash
# Sees that this machine has the browser with which the pages are tested and photographed.
set -euo pipefail

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_package() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --no-install-recommends chromium
}

if command -v chromium >/dev/null; then exit 0; fi
if ! command -v apt-get >/dev/null || ! as_root true 2>/dev/null; then
    echo "Chromium is missing: the tests of the pages are skipped until you install it." >&2
    exit 0
fi
echo "Installing Chromium"
install_package || { as_root apt-get update --quiet && install_package; }
