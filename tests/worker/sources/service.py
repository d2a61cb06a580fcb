"""A service over HTTP that answers as a test tells it, and remembers when it was asked what."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from worker.sources.settings import SourceOptions


@dataclass
class Answer:
    """What to answer; `raw` is written to the socket as it is, in place of all else."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    raw: Callable[[Callable[[bytes], object]], None] | None = None


class Service(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[float, str, dict[str, str]]] = []
        self.lock = threading.Lock()

    def options(self, name: str, **more: float) -> SourceOptions:
        """Return how to ask the source of that name here."""
        url = f"http://127.0.0.1:{self.server_port}/{name}"
        return SourceOptions.model_validate({"url": url, "timeout": 5, **more})

    def says(self, name: str, status: int = 200, body: bytes = b"", **headers: str) -> None:
        """Answer so to whoever asks the source of that name."""
        spelled = {key.replace("_", "-"): value for key, value in headers.items()}
        self.answers[name] = Answer(status, body, spelled)

    def names(self) -> list[str]:
        """Return which sources were asked, in order."""
        return [path.split("/")[1].partition("?")[0] for _, path, _ in self.asked]


class _Handler(BaseHTTPRequestHandler):
    server: Service
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.asked.append((time.monotonic(), self.path, dict(self.headers)))
        name = self.path.split("/")[1].partition("?")[0]
        answer = self.server.answers.get(name, Answer(404))
        if answer.raw is not None:
            self.close_connection = True
            answer.raw(self._send)
            return
        self.send_response(answer.status)
        for key, value in answer.headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self._send(answer.body)

    def _send(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass
