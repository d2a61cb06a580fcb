#!/usr/bin/env bash
# Sees that this machine has the rabbitmq-server program, whose nodes the devstack runs by itself.
# Debian's package also brings a system service: it is neither started now nor at the next boot.
set -euo pipefail

policy=/usr/sbin/policy-rc.d

is_installed() {
    [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || command -v rabbitmq-server >/dev/null
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

give_up() {
    echo "RabbitMQ is missing, and $1." >&2
    echo "Install it, for example on Debian or Ubuntu:" >&2
    echo "    sudo apt-get install --no-install-recommends rabbitmq-server" >&2
    exit 1
}

install_package() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --no-install-recommends rabbitmq-server
}

# Debian's packages ask this program whether they may start their services.
forbid_services() {
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    trap 'as_root rm -f "$policy"' EXIT
}

if is_installed; then exit 0; fi
command -v apt-get >/dev/null || give_up "there is no apt-get"
as_root true 2>/dev/null || give_up "only root, or sudo without a password, can install it"

echo "Installing RabbitMQ"
[ -e "$policy" ] || forbid_services
install_package || { as_root apt-get update --quiet && install_package; }
if command -v systemctl >/dev/null; then
    as_root systemctl --quiet disable rabbitmq-server || true
fi
is_installed || give_up "its package did not bring it"
