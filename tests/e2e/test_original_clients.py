"""What the clients of the system's first version send and read: it must stay as it is.

Plain HTTP and AMQP against the running suite. An answer may hold more than is named here, since
those clients pass over what they do not know; of what is named, nothing may go or change its type.
"""

import json
import sys
from typing import Any

import pika
import pytest
import requests

from core.clock import utc_now
from devstack import services
from devstack.stack import Stack
from tests.people import ESTELA, JOAO, MARIA, Person, cnpj
from tests.waiting import wait_until

TIMEOUT_SECONDS = 30
SLOW_MACHINE_SECONDS = 90.0

ENVELOPE = {"status", "resource", "message", "data"}
ACCOUNT = {
    "id": str, "full_name": str, "email": str, "cpf_cnpj": str, "date_of_birth": str, "group": str,
}  # fmt: skip
SESSION = ACCOUNT | {"token": str, "refresh": str}
JOB = {
    "id": int, "title": str, "description": str, "cpf_cnpj": str, "date": str, "priority": int,
    "status": str, "creator_id": str, "creator_email": str,
}  # fmt: skip
PAGE: dict[str, type | tuple[type, ...]] = {
    "items": list, "page": int, "per_page": int, "total": int, "has_next": bool, "has_prev": bool,
    "next_num": (int, type(None)), "prev_num": (int, type(None)),
}  # fmt: skip
RESULT = {
    "id": int, "job_id": int, "run_id": str, "cnpj": str, "matriz_filial": str,
    "data_abertura": str, "nome_empresarial": str, "nome_fantasia": str, "porte": str,
    "atividade_principal": str, "atividades_secundarias": list, "natureza_juridica": str,
    "logradouro": str, "numero": str, "complemento": str, "cep": str, "bairro": str,
    "municipio": str, "uf": str, "email": str, "telefone": str, "efr": str,
    "situacao_cadastral": str, "data_situacao_cadastral": str, "motivo_situacao_cadastral": str,
    "situacao_especial": str, "data_situacao_especial": str, "quadro_societario": list,
    "capital_social": str, "source": str, "data_pesquisa": str, "hora_pesquisa": str,
    "data_da_base": str, "creator_id": str, "creator_email": str, "created": str, "changes": list,
}  # fmt: skip
# Exchange, routing key, queue, and the arguments with which the first version declares it.
JOBS = (
    "create-job-use-case", "job_created", "job_created",
    {
        "x-max-priority": 5,
        "x-dead-letter-exchange": "create-job-use-case-dlq",
        "x-dead-letter-routing-key": "job_created_dlq",
    },
)  # fmt: skip
ERRORS = "errors-when-create-job-use-case"
BINDINGS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    JOBS,
    ("create-job-use-case-dlq", "job_created_dlq", "job_created_dlq", {}),
    (ERRORS, "payload", "payload_error", {}),
    (ERRORS, "database", "database_error", {}),
    (ERRORS, "queue", "queue_error", {}),
    (ERRORS, "exception", "exception_error", {}),
)


class Http:
    """A client that knows two addresses and a token."""

    def __init__(self, stack: Stack, token: str = "") -> None:
        self._stack = stack
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __call__(self, service: str, call: str, status: int, **options: Any) -> Any:
        """Return the `data` of an answer, once its envelope is seen to be right."""
        method, path = call.split(" ")
        answer = requests.request(
            method,
            self._stack.address(service) + path,
            headers=self._headers,
            timeout=TIMEOUT_SECONDS,
            **options,
        )
        body = answer.json()
        assert answer.status_code == status, body
        assert set(body) == ENVELOPE | ({"errors"} if status == 422 else set())
        assert body["status"] == status
        assert isinstance(body["resource"], str)
        assert isinstance(body["message"], str)
        assert answer.headers["X-Request-ID"]
        return body["errors"] if status == 422 else body["data"]


def holds(found: dict[str, Any], fields: dict[str, Any]) -> bool:
    """Tell whether an object has all these fields, each of its type."""
    wrong = {
        name: found.get(name, "missing")
        for name, kind in fields.items()
        if not isinstance(found.get(name, ...), kind)
    }
    assert not wrong, wrong
    return True


def new_job(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "title": "Fornecedor",
        "description": "Antes do contrato",
        "cpf_cnpj": cnpj(number),
        "date": "2031-03-01T09:00:00",
        "priority": 3,
    } | changes


@pytest.fixture(scope="module")
def anyone(stack: Stack) -> Http:
    return Http(stack)


@pytest.fixture(scope="module")
def maria(stack: Stack, anyone: Http) -> Http:
    anyone("users", "POST /users", 201, json=MARIA.sign_up())
    return Http(stack, anyone("users", "POST /auth", 200, json=MARIA.log_in())["token"])


@pytest.fixture(scope="module")
def admin(stack: Stack, anyone: Http) -> Http:
    make_superuser(stack, JOAO)
    return Http(stack, anyone("users", "POST /auth/admin", 200, json=JOAO.log_in())["token"])


def make_superuser(stack: Stack, person: Person) -> None:
    flask = (sys.executable, "-m", "flask", "--app", "users.app")
    stack.run((*flask, "createsuperuser", person.full_name, person.email, person.password))


def test_sign_up_and_log_in(anyone: Http) -> None:
    typed = {
        "full_name": ESTELA.full_name,
        "email": ESTELA.email,
        "cpf_cnpj": ESTELA.cpf_cnpj,
        "date_of_birth": ESTELA.date_of_birth,
        "password": ESTELA.password,
        "confirm_password": ESTELA.password,
    }
    account = anyone("users", "POST /users", 201, json=typed)
    again = anyone("users", "POST /users", 422, json=typed)
    empty = anyone("users", "POST /users", 422, json={})
    credentials = {"email": ESTELA.email, "password": ESTELA.password}
    session = anyone("users", "POST /auth", 200, json=credentials)

    assert holds(account, ACCOUNT)
    assert not {"password", "confirm_password"} & set(account)
    assert again.keys() == {"email", "cpf_cnpj"}
    assert empty.keys() == typed.keys()
    assert all(isinstance(text, str) for texts in empty.values() for text in texts)
    assert holds(session, SESSION)
    assert session["group"] == "users"
    wrong = credentials | {"password": "outra-senha"}
    assert anyone("users", "POST /auth", 401, json=wrong) is None
    assert anyone("users", "POST /auth/admin", 403, json=credentials) is None


def test_a_refresh_token_gives_the_next_pair(stack: Stack, anyone: Http, maria: Http) -> None:
    session = anyone("users", "POST /auth", 200, json=MARIA.log_in())

    pair = Http(stack, session["refresh"])("users", "POST /auth/refresh", 200)

    assert holds(pair, {"token": str, "refresh": str})
    Http(stack, pair["token"])("agendador", "GET /jobs", 200)


def test_an_administrator_lists_finds_changes_and_removes_accounts(
    anyone: Http, maria: Http, admin: Http
) -> None:
    page = admin("users", "GET /admin/users/page/1?page_size=1", 200)
    found = admin("users", f"GET /admin/users/cpf/{MARIA.cpf_cnpj}", 200)
    one = f"/admin/users/{found['id']}"

    assert holds(page, PAGE)
    assert holds(page["items"][0], ACCOUNT)
    assert (page["page"], page["per_page"], len(page["items"])) == (1, 1, 1)
    assert admin("users", f"GET {one}", 200) == found
    changed = admin("users", f"PUT {one}", 200, json={"full_name": "Maria Corrigida"})
    assert changed == found | {"full_name": "Maria Corrigida"}
    assert maria("users", f"GET {one}", 403) is None
    session = anyone("users", "POST /auth/admin", 200, json=JOAO.log_in())
    assert holds(session, SESSION)
    assert session["group"] == "admin"


def test_an_account_that_was_removed_does_not_enter(anyone: Http, admin: Http) -> None:
    person = {**ESTELA.sign_up(), "email": "sai@empresa.example", "cpf_cnpj": cnpj(77)}
    account = anyone("users", "POST /users", 201, json=person)

    admin("users", f"DELETE /admin/users/{account['id']}", 200)

    credentials = {"email": person["email"], "password": person["password"]}
    anyone("users", "POST /auth", 401, json=credentials)


def test_jobs_are_made_listed_read_changed_and_deleted(maria: Http, anyone: Http) -> None:
    typed = new_job()
    job = maria("agendador", "POST /jobs", 201, json=typed)
    other = maria("agendador", "POST /jobs", 201, json=new_job(2))
    one = f"/job/{job['id']}"

    assert holds(job, JOB)
    assert {name: job[name] for name in typed} == typed | {"date": "2031-03-01T12:00:00+00:00"}
    assert job["status"] == "created"
    assert job["creator_email"] == MARIA.email
    assert maria("agendador", f"GET {one}", 200) == job
    page = maria("agendador", "GET /jobs?page=1&per_page=1", 200)
    assert holds(page, PAGE)
    assert page["items"] == [other]
    assert page["next_num"] == 2
    assert maria("agendador", "GET /jobs?page=2&per_page=1", 200)["items"] == [job]

    changed = maria("agendador", f"PUT {one}", 200, json=new_job(title="Outro", priority=5))
    assert changed["title"] == "Outro"
    assert changed["priority"] == 5
    maria("agendador", f"DELETE {one}", 200)
    assert maria("agendador", f"GET {one}", 404) is None
    assert anyone("agendador", "GET /jobs", 401) is None


def test_a_refused_job_names_its_fields(maria: Http) -> None:
    bad = {"title": "", "description": 7, "cpf_cnpj": "1", "date": "ontem", "priority": 6}

    assert maria("agendador", "POST /jobs", 422, json=bad).keys() == bad.keys()


def test_the_result_of_a_job_has_every_field(maria: Http) -> None:
    now = utc_now().isoformat()
    job = maria("agendador", "POST /jobs", 201, json=new_job(5, date=now, priority=5))

    path = f"GET /results?job_id={job['id']}"
    (result,) = wait_until(lambda: maria("agendador", path, 200), SLOW_MACHINE_SECONDS)

    assert holds(result, RESULT)
    assert result["cnpj"] == job["cpf_cnpj"]
    assert maria("agendador", f"GET /job/{job['id']}", 200)["status"] == "processed"
    assert result in maria("agendador", "GET /results", 200)


def test_exchanges_and_queues_are_those_of_the_first_version(stack: Stack) -> None:
    """Declaring one again with any other argument would be refused by the broker."""
    stack.run(services.CREATE_QUEUES)
    with pika.BlockingConnection(pika.URLParameters(stack.servers.broker_url)) as connection:
        for exchange, key, queue, arguments in BINDINGS:
            channel = connection.channel()
            channel.exchange_declare(exchange, "direct", durable=True)
            channel.queue_declare(queue, durable=True, arguments=arguments)
            if key != "job_created":  # a worker would take it
                channel.confirm_delivery()
                channel.basic_publish(exchange, key, b"{}", mandatory=True)


def test_a_message_is_as_the_first_version_sends_it(stack: Stack, maria: Http) -> None:
    stack.program("worker").stop()
    job = maria("agendador", "POST /jobs", 201, json=new_job(9, date=utc_now().isoformat()))
    path = f"GET /job/{job['id']}"
    wait_until(lambda: maria("agendador", path, 200)["status"] == "queued", SLOW_MACHINE_SECONDS)
    with pika.BlockingConnection(pika.URLParameters(stack.servers.broker_url)) as connection:
        _, properties, body = connection.channel().basic_get("job_created")
    stack.program("worker").start()
    message = json.loads(body)

    assert holds(message, JOB | {"run_id": str, "attempt": int})
    assert {name: message[name] for name in ("id", "title", "cpf_cnpj", "creator_email")} == {
        name: job[name] for name in ("id", "title", "cpf_cnpj", "creator_email")
    }
    assert properties.content_type == "application/json"
    assert properties.delivery_mode == pika.DeliveryMode.Persistent.value
    assert properties.priority == job["priority"]
    assert properties.app_id == "agendador-de-consulta-cnpj"
    assert properties.message_id == message["run_id"]
    assert properties.correlation_id
    assert properties.type
    assert properties.timestamp


def test_a_refused_job_is_told_in_payload_error(stack: Stack, maria: Http) -> None:
    title = "Recusada de propósito"
    maria("agendador", "POST /jobs", 422, json=new_job(title=title, cpf_cnpj="1"))
    with pika.BlockingConnection(pika.URLParameters(stack.servers.broker_url)) as connection:
        channel = connection.channel()

        def told() -> Any:
            _, _, body = channel.basic_get("payload_error", auto_ack=True)
            event = json.loads(body) if body else {}
            return event if event.get("payload", {}).get("title") == title else None

        event = wait_until(told, SLOW_MACHINE_SECONDS)
    assert event["errors"].keys() == {"cpf_cnpj"}
