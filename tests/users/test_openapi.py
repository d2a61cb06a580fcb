import json
import re
from pathlib import Path
from typing import Any

from apiflask import APIFlask

from tests.clients import Broker
from tests.fuzzing import require_documented
from tests.people import JOAO
from tests.users.conftest import Client, MakeApp, SignedIn, log_in

DOCUMENT = Path(__file__).parents[2] / "docs" / "api" / "users.json"
CASES_PER_CALL = 90
CALLS = {
    ("POST", "/users"),
    ("POST", "/auth"),
    ("POST", "/auth/admin"),
    ("POST", "/auth/refresh"),
    ("POST", "/auth/logout"),
    ("POST", "/auth/forgot"),
    ("POST", "/auth/reset"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/me"),
    ("PATCH", "/me"),
    ("DELETE", "/me"),
    ("POST", "/me/password"),
    ("GET", "/admin/users/page/{page}"),
    ("GET", "/admin/users/cpf/{cpf_cnpj}"),
    ("GET", "/admin/users/{account_id}"),
    ("PUT", "/admin/users/{account_id}"),
    ("DELETE", "/admin/users/{account_id}"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
}


def operations(app: APIFlask) -> dict[tuple[str, str], dict[str, Any]]:
    spec: Any = app.spec
    return {
        (method.upper(), path): operation
        for path, item in spec["paths"].items()
        for method, operation in item.items()
    }


def test_the_committed_document_is_the_present_one(app: APIFlask) -> None:
    """Run `flask --app users.app spec --output docs/api/users.json --indent 2`."""
    assert json.loads(DOCUMENT.read_text()) == json.loads(json.dumps(app.spec))


def test_the_document_and_its_page_are_served_without_other_sites(client: Client) -> None:
    page = client.get("/swagger-ui/").get_data(as_text=True)

    assert client.get("/openapi.json").json["openapi"].startswith("3.1")
    assert "<html" in page
    assert not re.search(r'(src|href)="(https?:)?//', page)


def test_every_call_and_its_errors_are_documented(app: APIFlask) -> None:
    documented = operations(app)

    assert set(documented) == CALLS
    for (_, path), operation in documented.items():
        expected = {"503"}
        if operation.get("security"):
            expected.add("401")
        if "requestBody" in operation:
            expected |= {"400", "413", "422"}
        if path.startswith("/admin"):
            expected.add("403")
        assert expected <= set(operation["responses"]), path


def test_the_document_is_kept_whatever_is_sent(make_app: MakeApp, broker: Broker) -> None:
    """No answer is a fault of ours, and none but the documented ones is given."""
    often = "1000000 per hour"
    app = make_app(
        RATE_LOG_IN_ACCOUNT=often,
        RATE_LOG_IN_ADDRESS=often,
        RATE_SIGN_UP=often,
        RATE_FORGOT_ACCOUNT=often,
        RATE_FORGOT_ADDRESS=often,
        ACCESS_TOKEN_MINUTES="60",
        BROKER_URL=broker.url,
        BROKER_NAMESPACE=broker.namespace,
    )
    app.test_cli_runner().invoke(
        args=["createsuperuser", JOAO.full_name, JOAO.email, JOAO.password]
    )
    joao: SignedIn = log_in(app.test_client(), JOAO)

    # Who erased their account would be refused everywhere else.
    sent = require_documented(
        app, joao.token, cases_per_call=CASES_PER_CALL, without=["DELETE /me"]
    )

    assert sent.total() >= 2_000
    assert sent["stateful"] > 0
