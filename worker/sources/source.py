"""What every source is: a name, what it takes, and how to read what it says."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

import requests

from core.documents import has_letters
from worker.sources import http
from worker.sources.company import Company
from worker.sources.errors import (
    Captcha,
    InvalidCnpj,
    NotFound,
    RateLimited,
    SourceError,
    Unavailable,
)
from worker.sources.settings import SourceOptions

# How long a thread waits for its turn to read a page; then it reads beside the others.
TURN_SECONDS = 0.05
_turn = threading.Lock()


@dataclass(frozen=True)
class Source:
    """One place to ask.

    `parse` is pure: it takes the body of an answer and the CNPJ asked for, and returns the company
    or raises a SourceError. `path` follows the options' URL and holds `{cnpj}`. `letters` tells
    that the source takes alphanumeric CNPJs.
    """

    name: str
    parse: Callable[[bytes, str], Company]
    letters: bool
    path: str = "/{cnpj}"

    def accepts(self, cnpj: str) -> bool:
        """Tell whether the source can be asked for this CNPJ at all."""
        return self.letters or not has_letters(cnpj)

    def fetch(self, cnpj: str, options: SourceOptions, session: requests.Session) -> Company:
        """Ask for a valid CNPJ of 14 characters; raises a SourceError when there is no company."""
        url = options.url.rstrip("/") + self.path.format(cnpj=cnpj)
        reply = http.get(session, url, timeout=options.timeout)
        with _one_at_a_time():
            if reply.status == HTTPStatus.OK:
                return self.parse(reply.body, cnpj)
            raise self._refusal(reply, cnpj)

    def _refusal(self, reply: http.Reply, cnpj: str) -> SourceError:
        """Return what an answer that is not 200 means, by its status and by what it says."""
        try:
            self.parse(reply.body, cnpj)
        except SourceError as error:
            said = error
        else:
            return Unavailable(reply.retry_after)
        if isinstance(said, Captcha):
            return said
        if reply.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.FORBIDDEN}:
            return RateLimited(reply.retry_after or said.retry_after)
        # A 404 that does not say "not found" is an outage of something in between.
        if reply.status < HTTPStatus.INTERNAL_SERVER_ERROR and isinstance(
            said, NotFound | InvalidCnpj | RateLimited
        ):
            return said
        return Unavailable(reply.retry_after)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let one thread read at a time, unless that one takes long.

    Threads that read at once take the interpreter from each other at every step, which doubles
    what a page costs and ends none of them sooner.
    """
    is_ours = _turn.acquire(timeout=TURN_SECONDS)
    try:
        yield
    finally:
        if is_ours:
            _turn.release()
