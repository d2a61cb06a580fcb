"""axe-core finds nothing serious on any page, light and dark, narrow and wide."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from devstack.registry import reserved
from tests.people import cnpj
from tests.web.conftest import Account, Open

SERIOUS = {"serious", "critical"}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
SIZES = ({"width": 360, "height": 780}, {"width": 1280, "height": 860})
OPEN_PAGES = (
    "/",
    "/entrar",
    "/criar-conta",
    "/esqueci-a-senha",
    "/redefinir-senha?token=x",
    "/nowhere",
)


def _serious(page: Page) -> list[str]:
    found = Axe().run(page, options=RULES).response["violations"]
    return [
        f"{page.url} {one['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


def _look_at(page: Page, paths: tuple[str, ...]) -> list[str]:
    problems: list[str] = []
    for size in SIZES:
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for path in paths:
            page.goto(path)
            problems += _serious(page)
            if page.evaluate("document.documentElement.scrollWidth") > size["width"]:
                problems.append(f"{path} is wider than {size['width']}")
    return problems


@pytest.fixture
def lived_in(maria: Account) -> tuple[str, ...]:
    """Give the addresses of pages that have something to show."""
    ended = maria.schedule(cnpj(61), title="Concluída", priority=5)
    failed = maria.schedule(reserved.CAPTCHA, title="Com erro", priority=4)
    waiting = maria.schedule(cnpj(62), title="Agendada", recurrence="FREQ=WEEKLY;BYDAY=MO")
    held = maria.schedule(cnpj(63), title="Pausada")
    for job in (ended, failed):
        maria.call("POST", f"/job/{job['id']}/run")
    maria.call("POST", f"/job/{held['id']}/pause")
    jobs = [f"/consultas/{job['id']}" for job in (ended, failed, waiting, held)]
    return (
        "/",
        "/conta",
        "/conta/senha",
        "/conta/apagar",
        "/importar",
        "/agenda",
        "/agenda?busca=nada&situacao=error",
        "/agenda/mes?data=2030-01-15",
        "/agenda/semana?data=2030-01-15",
        "/agenda/dia?data=2030-01-15",
        "/agenda/dia?data=2031-01-15",
        "/consultas/nova",
        "/resultados",
        *jobs,
        *(f"{jobs[2]}/{page}" for page in ("editar", "excluir", "cancelar")),
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_open_pages_have_no_serious_problem(open_page: Open, scheme: str) -> None:
    assert _look_at(open_page(color_scheme=scheme), OPEN_PAGES) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_an_account_have_no_serious_problem(
    open_page: Open, maria: Account, lived_in: tuple[str, ...], scheme: str
) -> None:
    page = open_page(maria, color_scheme=scheme)
    page.goto("/agenda")
    states = page.locator(".job-state")
    expect(states.filter(has_text="Concluída")).to_be_visible()
    expect(states.filter(has_text="Com erro")).to_be_visible()

    assert _look_at(page, (*lived_in, "/empresas/" + cnpj(61))) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_administrators_have_no_serious_problem(
    open_page: Open, ana: Account, error_event: str, scheme: str
) -> None:
    paths = (
        "/admin/usuarios",
        "/admin/usuarios?documento=123",
        f"/admin/usuarios/{ana.tokens['id']}",
        "/admin/filas",
        "/admin/erros",
        f"/admin/erros/{error_event}",
    )

    assert _look_at(open_page(ana, color_scheme=scheme), paths) == []


def test_a_refused_form_has_no_serious_problem(open_page: Open, maria: Account) -> None:
    page = open_page(maria)
    page.goto("/consultas/nova")
    page.get_by_role("button", name="Agendar").click()
    expect(page.get_by_role("alert")).to_be_visible()

    assert _serious(page) == []
