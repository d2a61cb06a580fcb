import json
import re
import time
from pathlib import Path
from typing import Any

from apiflask import APIFlask
from sqlalchemy import Engine

from tests.agendador.conftest import Caller, Users
from tests.agendador.ledgers import finish, job
from tests.fuzzing import require_documented
from tests.people import MARIA, cnpj

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "api" / "agendador.json"
CASES_PER_CALL = 55


def test_the_committed_document_is_the_present_one(app: APIFlask) -> None:
    """Run `flask --app agendador.app spec --output docs/api/agendador.json --indent 2`."""
    assert json.loads(DOCUMENT.read_text()) == json.loads(json.dumps(app.spec))


def test_the_document_and_its_page_are_served(app: APIFlask) -> None:
    client = app.test_client()
    served: Any = client.get("/openapi.json").json
    page = client.get("/swagger-ui/").get_data(as_text=True)

    assert served["openapi"].startswith("3.1")
    assert not re.search(r'(src|href)="(https?:)?//', page)


def test_the_document_is_kept_whatever_is_sent(
    app: APIFlask, users: Users, maria: Caller, ledger: Engine
) -> None:
    """No answer is a fault of ours, and none but the documented ones is given."""
    for number in range(3):
        job_id = maria.post("/jobs", json=job(cpf_cnpj=cnpj(number))).json["data"]["id"]
    finish(ledger, job_id)
    token = users.token(MARIA, group="admin", exp=int(time.time()) + 3_600)

    sent = require_documented(app, token, cases_per_call=CASES_PER_CALL)

    assert sent.total() >= 2_000
    assert sent["stateful"] > 0
