"""The CNPJs for which the simulator misbehaves. All of them are valid."""

from stdnum.br import cnpj


def _numbered(order: int) -> str:
    base = f"99990{order:03d}0001"
    return base + str(cnpj.calc_check_digits(base))


# Pages that say no.
NOT_FOUND = _numbered(1)
CAPTCHA = _numbered(2)
BUSY = _numbered(3)

# HTTP errors.
RATE_LIMITED = _numbered(4)
SERVER_ERROR = _numbered(5)
FLAKY = _numbered(6)

# Connections that go wrong.
SLOW = _numbered(7)
CUT = _numbered(8)
DRIPPING = _numbered(9)
HUGE = _numbered(10)

# Pages that cannot be believed.
OTHER_LAYOUT = _numbered(11)
OTHER_COMPANY = _numbered(12)

RETRY_AFTER_SECONDS = 2
FLAKY_FAILURES = 2
SLOW_SECONDS = 15.0
DRIP_SECONDS = 0.5
HUGE_BYTES = 64 * 1024 * 1024
