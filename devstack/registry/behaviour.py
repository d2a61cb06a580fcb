"""How the simulator answers each CNPJ: a page for most, a failure for the reserved ones."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus

from core.documents import InvalidDocumentError, parse_cnpj
from devstack.registry import pages, reserved
from devstack.webserver import Answer

CONTENT_TYPE = f"text/html; charset={pages.ENCODING}"
OTHER_CNPJ = "00000000000191"
DRIP_BYTES = 100
CHUNK = b" " * 65_536


def answer(cnpj: str, asked: Counter[str]) -> Answer:
    """Answer for a CNPJ as the client typed it; ``asked`` counts the requests for each so far."""
    try:
        cnpj = parse_cnpj(cnpj)
    except InvalidDocumentError:
        return _page(pages.refusal("invalid"))
    asked[cnpj] += 1
    if cnpj == reserved.FLAKY:
        return _flaky(asked[cnpj])
    if cnpj in FAILURES:
        return FAILURES[cnpj]()
    return _page(pages.certificate(cnpj))


def form(cnpj: str) -> Answer:
    """Answer with the form that people use, which asks for a person."""
    return _page(pages.check(cnpj))


def checked(fields: Mapping[str, str]) -> Answer:
    """Answer what people sent: the certificate if the check was passed, else the form again."""
    try:
        cnpj = parse_cnpj(fields.get("cnpj", ""))
    except InvalidDocumentError:
        return _page(pages.refusal("invalid"))
    if fields.get("pessoa") != "sim":
        return form(cnpj)
    return _page(pages.certificate(cnpj))


def _page(body: bytes, status: int = HTTPStatus.OK) -> Answer:
    return Answer(body, status, CONTENT_TYPE)


def _refusing(reason: str, status: int = HTTPStatus.OK) -> Callable[[], Answer]:
    return lambda: _page(pages.refusal(reason), status)


def _flaky(count: int) -> Answer:
    if count % (reserved.FLAKY_FAILURES + 1) != 0:
        return _page(pages.refusal("busy"), HTTPStatus.SERVICE_UNAVAILABLE)
    return _page(pages.certificate(reserved.FLAKY))


def _rate_limited() -> Answer:
    return Answer(
        pages.refusal("busy"),
        HTTPStatus.TOO_MANY_REQUESTS,
        CONTENT_TYPE,
        {"Retry-After": str(reserved.RETRY_AFTER_SECONDS)},
    )


def _slow() -> Answer:
    time.sleep(reserved.SLOW_SECONDS)
    return _page(pages.certificate(reserved.SLOW))


def _cut() -> Answer:
    body = pages.certificate(reserved.CUT)
    return Answer([body[: len(body) // 2]], content_type=CONTENT_TYPE, length=len(body))


def _dripping() -> Answer:
    body = pages.certificate(reserved.DRIPPING)
    return Answer(_drops(body), content_type=CONTENT_TYPE, length=len(body))


def _drops(body: bytes) -> Iterator[bytes]:
    """Yield a little at a time: each read succeeds, the whole takes minutes."""
    for start in range(0, len(body), DRIP_BYTES):
        yield body[start : start + DRIP_BYTES]
        time.sleep(reserved.DRIP_SECONDS)


def _huge() -> Answer:
    return Answer(_flood(), content_type=CONTENT_TYPE)


def _flood() -> Iterator[bytes]:
    head, _, rest = pages.certificate(reserved.HUGE).partition(b"<body>")
    yield head + b"<body><!--"
    for _ in range(reserved.HUGE_BYTES // len(CHUNK)):
        yield CHUNK
    yield b"-->" + rest


FAILURES: dict[str, Callable[[], Answer]] = {
    reserved.NOT_FOUND: _refusing("not_found"),
    reserved.CAPTCHA: lambda: form(reserved.CAPTCHA),
    reserved.BUSY: _refusing("busy"),
    reserved.RATE_LIMITED: _rate_limited,
    reserved.SERVER_ERROR: _refusing("busy", HTTPStatus.INTERNAL_SERVER_ERROR),
    reserved.SLOW: _slow,
    reserved.CUT: _cut,
    reserved.DRIPPING: _dripping,
    reserved.HUGE: _huge,
    reserved.OTHER_LAYOUT: lambda: _page(pages.certificate(reserved.OTHER_LAYOUT, strange=True)),
    reserved.OTHER_COMPANY: lambda: _page(
        pages.certificate(reserved.OTHER_COMPANY, shown=OTHER_CNPJ)
    ),
}
