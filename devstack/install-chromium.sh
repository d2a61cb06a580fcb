#!/usr/bin/env bash
# Sees that this machine has the browser with which the pages are tested and photographed, and its
# Portuguese: fields of dates are the browser's own.
set -euo pipefail

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_package() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --no-install-recommends chromium chromium-l10n
}

if command -v chromium >/dev/null && [ -e /usr/lib/chromium/locales/pt-BR.pak ]; then exit 0; fi
if ! command -v apt-get >/dev/null || ! as_root true 2>/dev/null; then
    echo "Chromium, or its Portuguese, is missing (chromium, chromium-l10n): without the browser" >&2
    echo "the tests of the pages are skipped." >&2
    exit 0
fi
echo "Installing Chromium"
install_package || { as_root apt-get update --quiet && install_package; }
