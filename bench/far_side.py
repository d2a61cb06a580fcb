"""The outside world, too fast to be what limits: `python -m bench.far_side HTTP_PORT SMTP_PORT`.

One event loop serves the companies' pages and takes the mails, and keeps the moments of both:
`GET /stats` tells how many there were and when, `GET /mails` gives each mail with its moment, and
`GET /reset?delay=SECONDS&keep=0` forgets all and sets how long a page takes.
"""

import asyncio
import json
import sys
import time
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from bench import pages
from devstack.ports import LOOPBACK

_HEAD = b"HTTP/1.1 %d OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n"


class World:
    """What has happened since the last reset; moments are of this machine's clock, in seconds."""

    delay = 0.0
    keep = False
    pages: ClassVar[list[float]] = []
    mails: ClassVar[list[tuple[float, str]]] = []

    @classmethod
    def reset(cls, delay: float, *, keep: bool) -> None:
        """Forget all; with `keep` the mails are kept whole."""
        cls.delay, cls.keep = delay, keep
        cls.pages, cls.mails = [], []


class Pages(asyncio.Protocol):
    """HTTP/1.1 with kept connections, one request at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._waiting = b""

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while b"\r\n\r\n" in self._waiting:
            request, _, self._waiting = self._waiting.partition(b"\r\n\r\n")
            self._answer(request.split(b" ", 2)[1].decode())

    def _answer(self, target: str) -> None:
        address, asked = urlsplit(target)[2:4]
        values = {name: found[0] for name, found in parse_qs(asked).items()}
        if address == "/stats":
            self._send(json.dumps(_stats()).encode())
        elif address == "/mails":
            self._send(json.dumps(World.mails).encode())
        elif address == "/reset":
            World.reset(float(values["delay"]), keep=values["keep"] == "1")
            self._send(b"")
        else:
            World.pages.append(time.time())
            page = _PAGES[values["cnpj"]]
            if World.delay:
                asyncio.get_running_loop().call_later(World.delay, self._transport.write, page)
            else:
                self._transport.write(page)

    def _send(self, body: bytes) -> None:
        self._transport.write(_HEAD % (200, len(body)) + body)


class Sink(asyncio.Protocol):
    """SMTP (RFC 5321) with PIPELINING (RFC 2920): takes every mail and throws it away."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._waiting = b""
        self._in_mail = False
        self._transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        answers = []
        while True:
            end = b"\r\n.\r\n" if self._in_mail else b"\r\n"
            taken, found, rest = self._waiting.partition(end)
            if not found:
                break
            self._waiting = rest
            answers.append(self._take_mail(taken) if self._in_mail else self._command(taken))
        self._transport.write(b"".join(answers))

    def _take_mail(self, mail: bytes) -> bytes:
        self._in_mail = False
        World.mails.append((time.time(), mail.decode("latin-1") if World.keep else ""))
        return b"250 taken\r\n"

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 10000000\r\n"
        if verb == b"DATA":
            self._in_mail = True
            return b"354 go on\r\n"
        return b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n"


def _stats() -> dict[str, object]:
    return {
        "pages": len(World.pages),
        "first_page": World.pages[0] if World.pages else None,
        "mails": len(World.mails),
        "last_mail": World.mails[-1][0] if World.mails else None,
    }


_PAGES: dict[str, bytes] = {}


async def _serve(http_port: int, smtp_port: int) -> None:
    for number in pages.numbers():
        page = pages.page(number)
        _PAGES[number] = _HEAD % (200, len(page)) + page
    loop = asyncio.get_running_loop()
    await loop.create_server(Sink, LOOPBACK, smtp_port, backlog=512)
    server = await loop.create_server(Pages, LOOPBACK, http_port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
