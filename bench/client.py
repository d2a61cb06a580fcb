"""A client that asks one thing over and over on a few kept connections, as fast as it can."""

import asyncio
import json
import statistics
import time

from devstack.ports import LOOPBACK

CONNECTIONS = 8


def request(method: str, path: str, headers: dict[str, str], body: object = None) -> bytes:
    """Return the bytes of a request."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {LOOPBACK}",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"Content-Length: {len(content)}",
        *(["Content-Type: application/json"] if content else []),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


def calls_per_second(port: int, asked: bytes, seconds: float, expected: int) -> float:
    """Return how many answers of the expected status a second a server gives."""
    return asyncio.run(_measure(port, asked, seconds, expected))


def milliseconds(port: int, asked: bytes, times: int) -> float:
    """Return the median time of so many answers (200), one after the other."""
    return asyncio.run(_wait(port, asked, times))


async def _wait(port: int, asked: bytes, times: int) -> float:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await _answer(reader, writer, asked, 200)
        taken.append(1000 * (time.perf_counter() - began))
    writer.close()
    return statistics.median(taken)


async def _measure(port: int, asked: bytes, seconds: float, expected: int) -> float:
    deadline = time.perf_counter() + seconds
    began = time.perf_counter()
    counts = await asyncio.gather(
        *(_ask(port, asked, deadline, expected) for _ in range(CONNECTIONS))
    )
    return sum(counts) / (time.perf_counter() - began)


async def _ask(port: int, asked: bytes, deadline: float, expected: int) -> int:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    count = 0
    while time.perf_counter() < deadline:
        await _answer(reader, writer, asked, expected)
        count += 1
    writer.close()
    return count


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: bytes, expected: int
) -> None:
    writer.write(asked)
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    body = await reader.readexactly(_length(head))
    if status != expected:
        raise RuntimeError(f"answered {status}: {body[:300]!r}")


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.split(b"\r\n", 1)[0])
