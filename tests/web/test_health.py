"""Health, figures and what is told when something is away."""

import requests

from devstack.stack import Stack
from tests.web.conftest import TIMEOUT_SECONDS, Account


def test_ready_names_each_dependency(web: str) -> None:
    answer = requests.get(f"{web}/readyz", timeout=TIMEOUT_SECONDS)

    assert answer.status_code == 200
    assert answer.json()["data"] == {"users": "ok", "agendador": "ok", "broker": "ok"}


def test_figures_count_pages_by_route(web: str) -> None:
    requests.get(f"{web}/entrar", timeout=TIMEOUT_SECONDS)

    figures = requests.get(f"{web}/metrics", timeout=TIMEOUT_SECONDS).text

    assert 'http_requests_total{method="GET",route="/entrar",status="200"}' in figures


def test_a_page_says_when_a_service_is_away_and_works_again_afterwards(
    suite: Stack, web: str, maria: Account
) -> None:
    agendador = suite.program("agendador")
    agendador.stop()
    try:
        answer = requests.get(
            f"{web}/agenda",
            cookies={"access": maria.tokens["token"], "refresh": maria.tokens["refresh"]},
            timeout=TIMEOUT_SECONDS,
        )
        ready = requests.get(f"{web}/readyz", timeout=TIMEOUT_SECONDS)
    finally:
        agendador.start()

    assert answer.status_code == 503
    assert "Voltamos já" in answer.text
    assert ready.status_code == 503
    assert ready.json()["data"]["agendador"] == "unavailable"


def test_an_address_that_does_not_exist_has_a_page(web: str) -> None:
    answer = requests.get(f"{web}/nowhere", timeout=TIMEOUT_SECONDS)

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Página não encontrada" in answer.text
    assert answer.headers["X-Request-ID"] in answer.text
