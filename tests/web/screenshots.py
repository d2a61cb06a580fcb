"""Photographs every page, narrow and wide, into docs/screenshots: `make screenshots`."""

import os
import random
import sys
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg2
import requests
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from devstack import homes, ports, services
from devstack.registry import reserved
from devstack.servers import PORTS, ROOT
from devstack.stack import PUBLIC_PORTS, Stack
from tests.people import MARIA, alphanumeric_cnpj, cnpj
from tests.waiting import wait_until
from tests.web.conftest import CHROMIUM, FLAGS, TIMEOUT_SECONDS, Account
from web.formats import today

FOLDER = ROOT / "docs" / "screenshots"
NARROW, WIDE = (390, 844), (1280, 860)
COLOURS = 256
# In which the browser writes what is its own, such as the dates in fields.
LANGUAGE = {"LANGUAGE": "pt_BR", "LC_ALL": "pt_BR.UTF-8"}
TITLES = (
    "Fornecedor de aço", "Transportadora do Vale", "Padaria da esquina", "Gráfica Boa Impressão",
    "Seguradora", "Cliente novo de Gravataí", "Oficina do João", "Limpeza e conservação",
    "Escritório de contabilidade", "Locadora de veículos", "Fornecedor de tinta",
    "Provedor de internet", "Agência de viagens", "Clínica odontológica",
)  # fmt: skip
OPEN_PAGES = {
    "inicio-publico": "/",
    "entrar": "/entrar",
    "criar-conta": "/criar-conta",
    "esqueci-a-senha": "/esqueci-a-senha",
    "redefinir-senha": "/redefinir-senha?token=x",
    "nao-encontrada": "/nada",
}


def main() -> None:
    """Start a suite of its own, fill it, photograph it, and end it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with homes.throwaway("screenshots") as home:
        stack = Stack(home, ports.remembered(home, (*PUBLIC_PORTS, *PORTS)))
        stack.up(without=("cronjob",))
        maria, pages = _live(stack)
        ana, admin_pages = _administer(stack)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=list(FLAGS), env={**os.environ, **LANGUAGE}
            )
            for size in (NARROW, WIDE):
                _photograph(browser, stack, None, OPEN_PAGES, size)
                _photograph(browser, stack, maria, pages, size)
                _photograph(browser, stack, ana, admin_pages, size)
                _photograph_import(browser, stack, maria, size)
            dark = {f"{name}-escuro": pages[name] for name in ("inicio", "consulta")}
            _photograph(browser, stack, maria, dark, WIDE, color_scheme="dark")
            browser.close()
    sys.stdout.write(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER.relative_to(ROOT)}\n")


def _account(stack: Stack, email: str, password: str) -> Account:
    answer = requests.post(
        stack.address("users") + "/auth",
        json={"email": email, "password": password},
        timeout=TIMEOUT_SECONDS,
    )
    answer.raise_for_status()
    return Account(replace(MARIA, email=email, password=password), stack, answer.json()["data"])


def _live(stack: Stack) -> tuple[Account, dict[str, str]]:
    """Make an account with two weeks behind it; return it with the addresses of its pages."""
    requests.post(
        stack.address("users") + "/users", json=MARIA.sign_up(), timeout=TIMEOUT_SECONDS
    ).raise_for_status()
    maria = _account(stack, MARIA.email, MARIA.password)
    dice = random.Random(5)
    ended = [
        maria.schedule(cnpj(20 + n), title=title, priority=dice.randrange(6))
        for n, title in enumerate(TITLES)
    ]
    company = maria.schedule(alphanumeric_cnpj(7), title="Distribuidora", priority=4)
    failed = maria.schedule(reserved.CAPTCHA, title="Consultoria", priority=2)
    _run(maria, [*ended, company, failed])
    _age(stack, company["cpf_cnpj"])
    _run(maria, [company])
    waiting = [
        maria.schedule(
            cnpj(60 + n),
            title=f"Contrato {n + 1:02d}/2026",
            date=f"{day}T{8 + n:02d}:30",
            priority=n % 6,
            recurrence="FREQ=WEEKLY;BYDAY=MO" if n == 0 else None,
        )
        for n, day in enumerate(_days_ahead(6))
    ]
    return maria, {
        "inicio": "/",
        "agenda": "/agenda",
        "agenda-mes": "/agenda/mes",
        "agenda-semana": "/agenda/semana",
        "agenda-dia": "/agenda/dia",
        "nova-consulta": "/consultas/nova",
        "consulta": f"/consultas/{company['id']}",
        "consulta-agendada": f"/consultas/{waiting[0]['id']}",
        "consulta-com-erro": f"/consultas/{failed['id']}",
        "editar": f"/consultas/{waiting[0]['id']}/editar",
        "excluir": f"/consultas/{waiting[0]['id']}/excluir",
        "cancelar": f"/consultas/{waiting[0]['id']}/cancelar",
        "resultados": "/resultados",
        "empresa": f"/empresas/{company['cpf_cnpj']}",
        "importar": "/importar",
        "importar-andamento": f"/importar/{_import(maria)}",
        "conta": "/conta",
        "trocar-senha": "/conta/senha",
        "apagar-conta": "/conta/apagar",
    }


def _import(maria: Account) -> int:
    """Import a table of which most has ended, one row failed and some is yet to come."""
    rows = [f"{cnpj(120 + n)};Loja {n + 1:02d};" for n in range(9)]
    rows.append(f"{reserved.CAPTCHA};Loja 10;")
    rows += [f"{cnpj(140 + n)};Loja {n + 11};31/12/2030 08:00" for n in range(5)]
    table = "\n".join(["cnpj;titulo;data", *rows])
    made = maria.call("POST", "/jobs/import", files={"file": table.encode()})
    number: int = made["import_id"]

    def ended() -> bool:
        by_status = maria.call("GET", f"/imports/{number}")["by_status"]
        return bool(by_status["processed"] + by_status["error"] == 10)

    wait_until(ended, 60)
    return number


def _run(maria: Account, jobs: list[dict[str, object]]) -> None:
    for job in jobs:
        maria.call("POST", f"/job/{job['id']}/run")
    ids = {job["id"] for job in jobs}

    def ended() -> bool:
        items = maria.call("GET", "/jobs", params={"per_page": 100})["items"]
        states = {job["status"] for job in items if job["id"] in ids}
        return states <= {"processed", "error"}

    wait_until(ended, 60)


def _age(stack: Stack, changed: str) -> None:
    """Spread the runs over two weeks, and let one company have looked otherwise before."""
    with (
        closing(psycopg2.connect(_dsn(stack))) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "UPDATE run SET scheduled_for = scheduled_for - (ascii(id::text) * 7 + job_id) % 13"
            " * interval '1 day'"
        )
        cursor.execute(
            "UPDATE result SET telefone = '(11) 3000-1234', porte = 'DEMAIS',"
            " logradouro = 'R DAS FLORES' WHERE cnpj = %s",
            (changed,),
        )


def _dsn(stack: Stack) -> str:
    return stack.servers.database_url(services.DATABASE).replace(
        "postgresql+psycopg2", "postgresql"
    )


def _days_ahead(count: int) -> list[str]:
    return [(today() + timedelta(days=n)).isoformat() for n in range(1, count + 1)]


def _administer(stack: Stack) -> tuple[Account, dict[str, str]]:
    email, password = "ana@empresa.example", "jabuticaba-no-pe-9"
    create = (sys.executable, "-m", "flask", "--app", "users.app", "createsuperuser")
    stack.run((*create, "Ana Souza", email, password))
    ana = _account(stack, email, password)
    requests.post(
        stack.address("agendador") + "/jobs",
        json={"title": "Sem CNPJ", "cpf_cnpj": "123"},
        headers={"Authorization": f"Bearer {ana.tokens['token']}"},
        timeout=TIMEOUT_SECONDS,
    )
    events = wait_until(lambda: ana.call("GET", "/admin/errors"))
    return ana, {
        "admin-usuarios": "/admin/usuarios",
        "admin-usuario": f"/admin/usuarios/{ana.tokens['id']}",
        "admin-processos": "/admin/processos",
        "admin-filas": "/admin/filas",
        "admin-erros": "/admin/erros",
        "admin-erro": f"/admin/erros/{events[0]['id']}",
    }


def _photograph(
    browser: Browser,
    stack: Stack,
    account: Account | None,
    pages: dict[str, str],
    size: tuple[int, int],
    **options: str,
) -> None:
    with _context(browser, stack, account, size, **options) as context:
        page = context.new_page()
        for name, path in pages.items():
            page.goto(path)
            _save(page, name, size)


def _photograph_import(
    browser: Browser, stack: Stack, maria: Account, size: tuple[int, int]
) -> None:
    table = f"cnpj;titulo;data;prioridade\n{cnpj(81)};Mercado;31/12/2030 08:00;5\n123;Errada;;\n"
    file = {"name": "empresas.csv", "mimeType": "text/csv", "buffer": table.encode()}
    with _context(browser, stack, maria, size) as context:
        page = context.new_page()
        page.goto("/importar")
        page.get_by_label("Arquivo", exact=True).set_input_files(file)  # type: ignore[arg-type]
        page.get_by_role("button", name="Conferir").click()
        page.get_by_role("heading", name="Confira antes de agendar").wait_for()
        _save(page, "importar-conferir", size)


def _context(
    browser: Browser,
    stack: Stack,
    account: Account | None,
    size: tuple[int, int],
    **options: str,
) -> BrowserContext:
    context = browser.new_context(
        base_url=stack.address("web"),
        locale="pt-BR",
        timezone_id="America/Sao_Paulo",
        viewport={"width": size[0], "height": size[1]},
        **options,  # type: ignore[arg-type]
    )
    if account is not None:
        page = context.new_page()
        page.goto("/entrar")
        page.get_by_label("E-mail").fill(account.person.email)
        page.get_by_label("Senha").fill(account.person.password)
        page.get_by_role("main").get_by_role("button", name="Entrar").click()
        page.wait_for_url("**/")
        page.close()
    return context


def _save(page: Page, name: str, size: tuple[int, int]) -> None:
    """Save the whole page as a picture of few colours, the bars at the window's edges once."""
    width, least = size
    page.set_viewport_size({"width": width, "height": least})
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": width, "height": max(height, least)})
    page.evaluate("document.fonts.ready")
    target: Path = FOLDER / f"{name}-{width}.png"
    page.screenshot(path=target)
    with Image.open(target) as picture:
        small = picture.convert("RGB").quantize(COLOURS)
    small.save(target, optimize=True)


if __name__ == "__main__":
    main()
