"""axe-core finds nothing serious on any page, light and dark, narrow and wide."""

import pytest
from apiflask import APIFlask
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
ADMIN_PAGES = (
    "/admin/usuarios",
    "/admin/usuarios?documento=123",
    "/admin/usuarios/{account}",
    "/admin/processos",
    "/admin/filas",
    "/admin/erros",
    "/admin/erros/{event}",
)
# What is no page to look at: files, and what programs ask for.
NO_PAGES = ("asset", "exports.", "jobs.show_pdf", "healthz", "readyz", "metrics")


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
    table = f"cnpj;data\n{cnpj(64)};\n{reserved.CAPTCHA};\n{cnpj(65)};31/12/2030 08:00\n"
    imported = maria.call("POST", "/jobs/import", files={"file": table.encode()})["import_id"]
    jobs = [f"/consultas/{job['id']}" for job in (ended, failed, waiting, held)]
    return (
        "/",
        "/conta",
        "/conta/senha",
        "/conta/apagar",
        "/importar",
        f"/importar/{imported}",
        f"/agenda?importacao={imported}",
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
        "/empresas/" + cnpj(61),
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
    expect(states.filter(has_text="Concluída")).to_have_count(2)
    expect(states.filter(has_text="Com erro")).to_have_count(2)

    assert _look_at(page, lived_in) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_administrators_have_no_serious_problem(
    open_page: Open, ana: Account, error_event: str, scheme: str
) -> None:
    known = {"account": ana.tokens["id"], "event": error_event}
    paths = tuple(path.format(**known) for path in ADMIN_PAGES)

    assert _look_at(open_page(ana, color_scheme=scheme), paths) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_a_form_leads_to_has_no_serious_problem(
    open_page: Open, maria: Account, scheme: str
) -> None:
    page = open_page(maria, color_scheme=scheme)
    page.goto("/consultas/nova")
    page.get_by_role("button", name="Agendar").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert _serious(page) == []

    page.goto("/conta")
    page.get_by_role("button", name="Criar endereço").click()
    expect(page.get_by_role("heading", name="Endereço do calendário")).to_be_visible()
    assert _serious(page) == []

    page.goto("/importar")
    table = f"cnpj\n{cnpj(66)}\n123\n{cnpj(66)}\n".encode()
    file = {"name": "x.csv", "mimeType": "text/csv", "buffer": table}
    page.get_by_label("Arquivo", exact=True).set_input_files(file)  # type: ignore[arg-type]
    page.get_by_role("button", name="Conferir").click()
    expect(page.get_by_role("heading", name="Confira antes de agendar")).to_be_visible()
    assert _serious(page) == []

    page.goto("/esqueci-a-senha")
    page.get_by_label("E-mail").fill(maria.person.email)
    page.get_by_role("button", name="Enviar o link").click()
    expect(page.get_by_role("heading", name="Veja o seu e-mail")).to_be_visible()
    assert _serious(page) == []


def test_no_page_is_left_out(lived_in: tuple[str, ...], app: APIFlask) -> None:
    adapter = app.url_map.bind("")
    admin = tuple(path.format(account="1", event="1") for path in ADMIN_PAGES)
    looked_at = {
        adapter.match(path.partition("?")[0])[0]
        for path in (*OPEN_PAGES, *lived_in, *admin)
        if path != "/nowhere"
    }
    pages = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}

    assert {page for page in pages - looked_at if not page.startswith(NO_PAGES)} == set()
