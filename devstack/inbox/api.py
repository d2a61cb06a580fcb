"""The catcher over HTTP: MailHog's API for programs, pages for people."""

from collections.abc import Mapping
from http import HTTPStatus

from devstack.inbox import mailhog, page
from devstack.inbox.store import Mail, Store
from devstack.webserver import NOT_FOUND, Answer, Request, as_json

# MailHog's own default and upper bound.
DEFAULT_LIMIT = 50
MAX_LIMIT = 250
TEXT = "text/plain; charset=utf-8"
DONE = Answer(status=HTTPStatus.OK)
NO_SNIFF = {"X-Content-Type-Options": "nosniff"}
PAGE_HEADERS = NO_SNIFF | {"Content-Security-Policy": page.PAGE_POLICY}
MAIL_HEADERS = NO_SNIFF | {"Content-Security-Policy": page.MAIL_POLICY}


def respond(store: Store, request: Request) -> Answer:
    """Answer one request."""
    match request.method, request.path.strip("/").split("/"):
        case "GET", [""]:
            number = max(1, _number(request.query, "page", 1))
            return Answer(page.inbox(store.newest_first(), number), headers=PAGE_HEADERS)
        case "POST", ["clear"]:
            store.clear()
            return Answer(status=HTTPStatus.SEE_OTHER, headers={"Location": "/"})
        case "GET", ["readyz" | "healthz"]:
            return as_json({"status": "ok"})
        case _, ["api", "v1" | "v2" as version, *rest]:
            return _api(store, request, version, rest)
        case "GET", ["mail", key, *view]:
            return _about(store.get(key), view)
    return NOT_FOUND


def _api(store: Store, request: Request, version: str, rest: list[str]) -> Answer:
    match version, request.method, rest:
        case "v2", "GET", ["messages"]:
            return _listing(store.newest_first(), request.query)
        case "v2", "GET", ["search"]:
            kind, query = request.query.get("kind", ""), request.query.get("query", "")
            found = [m for m in store.newest_first() if mailhog.matches(m, kind, query)]
            return _listing(found, request.query)
        case "v1", "GET", ["messages"]:
            return as_json([mailhog.message(mail) for mail in store.newest_first()])
        case "v1", "DELETE", ["messages"]:
            store.clear()
            return DONE
        case "v1", method, ["messages", key]:
            return _one(store, method, key)
    return NOT_FOUND


def _one(store: Store, method: str, key: str) -> Answer:
    mail = store.get(key)
    if mail is None or method not in {"GET", "DELETE"}:
        return NOT_FOUND
    if method == "GET":
        return as_json(mailhog.message(mail))
    store.remove(key)
    return DONE


def _listing(mails: list[Mail], query: Mapping[str, str]) -> Answer:
    start = max(0, _number(query, "start", 0))
    limit = _number(query, "limit", DEFAULT_LIMIT)
    limit = min(limit, MAX_LIMIT) if limit > 0 else DEFAULT_LIMIT
    return as_json(mailhog.listing(mails, start, limit))


def _about(mail: Mail | None, view: list[str]) -> Answer:
    if mail is None:
        return NOT_FOUND
    match view:
        case []:
            return Answer(page.reading(mail), headers=PAGE_HEADERS)
        case ["html"]:
            return Answer(page.html(mail), headers=MAIL_HEADERS)
        case ["raw"]:
            return Answer(mail.content, content_type=TEXT, headers=MAIL_HEADERS)
    return NOT_FOUND


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else default
