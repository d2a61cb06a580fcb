"""Who reaches what: every call of the document, with every kind of caller.

What is expected follows from the address alone, so a new call is asked for the same.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import Engine

from tests.agendador.conftest import Caller, Users, claims_of
from tests.agendador.ledgers import finish, job
from tests.forgeries import forgeries
from tests.people import ESTELA, JOAO, MARIA, cnpj

# What needs no token: health, the documentation, and addresses that are themselves a secret.
OPEN = {"/healthz", "/readyz", "/calendar.ics", "/unsubscribe"}
SECRET = "Segredo de Maria"
HERS = ("/jobs", "/results", "/imports", "/stats", "/preferences")


def calls(app: APIFlask) -> Iterator[tuple[str, str, dict[str, Any]]]:
    spec: Any = app.spec
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def guarded(app: APIFlask) -> Iterator[tuple[str, str, dict[str, Any]]]:
    return (call for call in calls(app) if call[1] not in OPEN)


@pytest.fixture
def ids(maria: Caller, ledger: Engine) -> dict[str, Any]:
    """Give what names something of Maria's; a call that takes another id has to be named here."""
    job_id = maria.post("/jobs", json=job(title=SECRET)).json["data"]["id"]
    finish(ledger, job_id, nome_empresarial=SECRET)
    table = {"query_string": {"title": SECRET}, "content_type": "text/csv"}
    imported = maria.post("/jobs/import", data=cnpj(1), **table).json["data"]
    return {
        "job_id": job_id,
        "import_id": imported["import_id"],
        "cnpj": cnpj(1),
        "event_id": "0" * 32,
    }


def ask(who: Caller, method: str, path: str, operation: dict[str, Any], ids: Any) -> Any:
    """Send a call with Maria's ids, in its address and in its query."""
    taken = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}
    query = {name: value for name, value in ids.items() if name in taken}
    return getattr(who, method)(path.format(**ids), query_string=query, json=job())


def test_what_is_open_is_known(app: APIFlask) -> None:
    assert {path for _, path, operation in calls(app) if not operation.get("security")} == OPEN


def test_every_guarded_call_refuses_every_bad_token(app: APIFlask, users: Users) -> None:
    client = app.test_client()
    ((kid, key),) = users.keys.items()
    tokens = forgeries(claims_of(MARIA), kid, key)
    tokens |= {"refresh": users.token(MARIA, type="refresh"), "empty": "", "no token": "x.y.z"}
    for method, path, _ in guarded(app):
        address = re.sub(r"{[^}]+}", "1", path)
        assert client.open(address, method=method).status_code == 401, (method, path)
        for name, token in tokens.items():
            headers = {"Authorization": f"Bearer {token}"}
            answer: Any = client.open(address, method=method, headers=headers)
            assert answer.status_code == answer.json["status"] == 401, (name, method, path)
            assert answer.json["data"] is None


def test_nobody_reaches_what_belongs_to_another(
    app: APIFlask, users: Users, maria: Caller, ids: dict[str, Any]
) -> None:
    """Not even an administrator, who looks at queues and not into the jobs of others."""
    outsider = Caller(app.test_client(), users.token(JOAO))
    administrator = Caller(app.test_client(), users.token(ESTELA, group="admin"))
    before = [maria.get(path).json["data"] for path in HERS]
    for method, path, operation in guarded(app):
        refused = ask(outsider, method, path, operation, ids)
        answered = ask(administrator, method, path, operation, ids)

        for answer in (refused, answered):
            assert SECRET not in answer.get_data(as_text=True), (method, path)
        if path.startswith("/admin/"):
            assert refused.status_code == 403, (method, path)
            assert answered.status_code not in {401, 403}, (method, path)
        elif "{" in path:
            assert refused.status_code == answered.status_code == 404, (method, path)
    assert [maria.get(path).json["data"] for path in HERS] == before


def test_each_reaches_what_is_their_own(app: APIFlask, maria: Caller, ids: dict[str, Any]) -> None:
    """The ids above are good: what others are refused is there for Maria."""
    for method, path, operation in guarded(app):
        if method == "get" and "{" in path and not path.startswith("/admin/"):
            assert ask(maria, method, path, operation, ids).status_code == 200, path
