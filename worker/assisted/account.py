"""The suite as the person who is logged in sees it."""

from typing import Any

import requests

from worker.assisted.settings import AssistedSettings

TIMEOUT_SECONDS = 30


class AccountError(Exception):
    """An API said no or did not answer; the message is for the person."""


class Account:
    """Somebody who is logged in; an access token that has ended is renewed if we have what for."""

    def __init__(self, settings: AssistedSettings) -> None:
        self._users = str(settings.users_url).rstrip("/")
        self._agendador = str(settings.agendador_url).rstrip("/")
        self._token = settings.agendador_token.get_secret_value()
        self._refresh = ""

    def log_in(self, email: str, password: str) -> None:
        """Take tokens for this e-mail and password; raises AccountError."""
        body = {"email": email, "password": password}
        self._keep(_data(_ask("POST", f"{self._users}/auth", json=body)))

    def waiting(self) -> list[dict[str, Any]]:
        """Return the first jobs that wait for a person; raises AccountError."""
        jobs: list[dict[str, Any]] = _data(self._call("GET", "/jobs/waiting"))
        return jobs

    def give(self, job_id: int, page: bytes) -> None:
        """Send the official page of a job; raises AccountError."""
        html = {"Content-Type": "text/html"}
        _data(self._call("POST", f"/job/{job_id}/page", data=page, headers=html))

    def _call(
        self, method: str, path: str, headers: dict[str, str] | None = None, **how: Any
    ) -> requests.Response:
        answer = _ask(method, self._agendador + path, self._token, headers, **how)
        if answer.status_code != requests.codes.unauthorized or not self._refresh:
            return answer
        self._keep(_data(_ask("POST", f"{self._users}/auth/refresh", self._refresh)))
        return _ask(method, self._agendador + path, self._token, headers, **how)

    def _keep(self, tokens: dict[str, str]) -> None:
        self._token, self._refresh = tokens["token"], tokens["refresh"]


def _ask(
    method: str, url: str, token: str = "", headers: dict[str, str] | None = None, **how: Any
) -> requests.Response:
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        return requests.request(
            method, url, headers=bearer | (headers or {}), timeout=TIMEOUT_SECONDS, **how
        )
    except requests.RequestException as exc:
        raise AccountError(f"{url} não respondeu ({type(exc).__name__}).") from exc


def _data(answer: requests.Response) -> Any:
    try:
        envelope = answer.json()
        said, errors = envelope["message"], envelope.get("errors") or {}
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise AccountError(f"{answer.url} não é da API (HTTP {answer.status_code}).") from exc
    if not answer.ok:
        raise AccountError(" ".join([said, *(m for messages in errors.values() for m in messages)]))
    return envelope["data"]
