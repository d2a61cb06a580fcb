"""The registry simulator as a program: ``python -m devstack.registry --port 8090``.

Beside the page, and the form by which people come to it, it serves ``GET`` and ``DELETE /_log``
(what was asked) and ``PUT /_behaviour`` (``{"delay_ms": 0, "status": 200}``: make every page slow
or failing).
"""

import argparse
import json
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import parse_qsl

from devstack.registry import CHECKED, FORM, PAGE
from devstack.registry.behaviour import answer, checked, form
from devstack.webserver import NOT_FOUND, Answer, Request, as_json, serve

LOG_SIZE = 50_000
NO_CONTENT = Answer(status=HTTPStatus.NO_CONTENT)


@dataclass
class Simulator:
    """What the running simulator remembers."""

    log: deque[dict[str, str | int]] = field(default_factory=lambda: deque(maxlen=LOG_SIZE))
    asked: Counter[str] = field(default_factory=Counter)
    delay_ms: int = 0
    status: int = HTTPStatus.OK

    def respond(self, request: Request) -> Answer:
        """Answer one request."""
        match request.method, request.path:
            case _, path if path in {PAGE, FORM, CHECKED}:
                return self.registry(request)
            case "GET", "/readyz" | "/healthz":
                return as_json({"status": "ok"})
            case "GET", "/_log":
                return as_json(list(self.log))
            case "DELETE", "/_log":
                return self.reset()
            case "PUT", "/_behaviour":
                return self.behave(json.loads(request.body))
            case _:
                return NOT_FOUND

    def registry(self, request: Request) -> Answer:
        """Answer as the registry does: programs ask for the page, people come by the form."""
        cnpj = request.query.get("cnpj", "")
        if request.path == CHECKED:
            return checked(dict(parse_qsl(request.body.decode("ascii", "replace"))))
        return form(cnpj) if request.path == FORM else self.page(cnpj)

    def page(self, cnpj: str) -> Answer:
        """Answer with the page of a CNPJ, or with the failure that is asked for."""
        entry: dict[str, str | int] = {"cnpj": cnpj, "at": datetime.now(UTC).isoformat()}
        self.log.append(entry)
        time.sleep(self.delay_ms / 1000)
        given = (
            answer(cnpj, self.asked) if self.status == HTTPStatus.OK else Answer(status=self.status)
        )
        entry["status"] = given.status
        return given

    def behave(self, wanted: dict[str, int]) -> Answer:
        """Make every page slow or failing; what is not named returns to normal."""
        self.delay_ms = int(wanted.get("delay_ms", 0))
        self.status = int(wanted.get("status", HTTPStatus.OK))
        return as_json({"delay_ms": self.delay_ms, "status": self.status})

    def reset(self) -> Answer:
        """Forget the requests and behave normally again."""
        self.log.clear()
        self.asked.clear()
        self.behave({})
        return NO_CONTENT


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m devstack.registry", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8090, help="port (%(default)s)")
    options = parser.parse_args()
    serve(options.host, options.port, Simulator().respond)


if __name__ == "__main__":
    main()
