"""Import with its preview, and tables to take away."""

from pathlib import Path

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from devstack.registry import reserved
from tests.people import cnpj
from tests.waiting import wait_until
from tests.web.conftest import HOSTILE, TIMEOUT_SECONDS, Account, Open

BOTH_WAYS = pytest.mark.parametrize(
    "options", [{}, {"java_script_enabled": False}], ids=["with script", "without script"]
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "empresas.csv"
    path.write_text(
        "cnpj;titulo;data;prioridade\n"
        f'{cnpj(71)};"{HOSTILE.replace(chr(34), chr(34) * 2)}";31/12/2030 08:00;5\n'
        "123;Errada;31/12/2030 08:00;\n"
        f"{cnpj(72)};Mercado;31/12/2030 08:00;9\n"
    )
    return path


@BOTH_WAYS
def test_a_table_is_shown_row_by_row_before_anything_is_scheduled(
    open_page: Open, maria: Account, table: Path, options: dict[str, bool]
) -> None:
    page = open_page(maria, **options)
    page.goto("/importar")
    page.get_by_label("Arquivo", exact=True).set_input_files(table)
    page.get_by_role("button", name="Conferir").click()
    expect(page.get_by_role("heading", name="Confira antes de agendar")).to_be_visible()
    rows = page.get_by_role("row")
    expect(rows.nth(1)).to_contain_text("Vai ser agendada")
    expect(rows.nth(2)).to_contain_text("CNPJ: Um CNPJ tem 14 caracteres")
    expect(rows.nth(3)).to_contain_text("Prioridade: Deve ser no máximo 5.")
    assert maria.call("GET", "/jobs")["total"] == 0

    page.get_by_role("button", name="Agendar 1 consulta").click()

    expect(page.get_by_text("1 consulta agendada, 2 linhas ficaram de fora.")).to_be_visible()
    expect(page.get_by_role("heading", name="0 de 1 consulta terminou")).to_be_visible()
    page.get_by_role("link", name="Ver na agenda").click()
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    page.get_by_role("link", name="Ver o andamento dela").click()
    expect(page.get_by_text("A próxima está marcada para 31/12/2030 às 08:00.")).to_be_visible()


@BOTH_WAYS
def test_how_far_an_import_is_can_be_followed(
    open_page: Open, maria: Account, options: dict[str, bool]
) -> None:
    table = f"cnpj;titulo\n{cnpj(76)};Mercado\n{reserved.CAPTCHA};Com captcha\n"
    page = open_page(maria, **options)
    page.goto("/importar")
    file = {"name": "x.csv", "mimeType": "text/csv", "buffer": table.encode()}
    page.get_by_label("Arquivo", exact=True).set_input_files(file)  # type: ignore[arg-type]
    page.get_by_role("button", name="Conferir").click()
    page.get_by_role("button", name="Agendar 2 consultas").click()

    done = page.get_by_role("heading", name="Tudo terminou")
    if options:
        page.get_by_text("2 consultas agendadas.").first.wait_for()
        wait_until(lambda: _refreshed(page, done))
    expect(done).to_be_visible()
    expect(page.get_by_role("link", name="1 concluída")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Com captcha")).to_be_visible()
    page.goto("/importar")
    expect(page.get_by_text("2 de 2 consultas terminaram")).to_be_visible()


def _refreshed(page: Page, wanted: Locator) -> bool:
    """Follow the link that a page has for browsers without scripts."""
    page.get_by_role("link", name="Atualizar").click()
    return wanted.is_visible()


def test_an_import_that_made_nothing_says_so(open_page: Open, maria: Account, table: Path) -> None:
    for _ in range(2):
        again = maria.call("POST", "/jobs/import", files={"file": table.read_bytes()})
    page = open_page(maria)

    page.goto(f"/importar/{again['import_id']}")

    expect(page.get_by_text("As linhas boas já estavam na agenda")).to_be_visible()


def test_what_is_no_table_is_refused_with_a_reason(open_page: Open, maria: Account) -> None:
    page = open_page(maria)
    page.goto("/importar")
    page.get_by_role("button", name="Conferir").click()
    expect(page.get_by_role("alert")).to_contain_text("Escolha um arquivo")

    page.get_by_label("Arquivo", exact=True).set_input_files(
        {"name": "x.csv", "mimeType": "text/csv", "buffer": b"nome,idade\nMaria,30\n"}
    )
    page.get_by_role("button", name="Conferir").click()
    expect(page.get_by_role("alert")).to_contain_text("Não há coluna de CNPJ")


def test_the_agenda_as_a_table_holds_no_formula(web: str, maria: Account) -> None:
    maria.schedule(cnpj(73), title="=HYPERLINK(1)")
    maria.schedule(cnpj(74), title=HOSTILE)
    maria.schedule(cnpj(75), title="Fora do filtro", priority=1)

    answer = requests.get(
        f"{web}/agenda/consultas.csv?prioridade=0",
        cookies={"access": maria.tokens["token"], "refresh": maria.tokens["refresh"]},
        timeout=TIMEOUT_SECONDS,
    )

    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    text = answer.content.decode("utf-8-sig")
    assert ";'=HYPERLINK(1);" in text
    assert HOSTILE.replace('"', '""') in text
    assert "Fora do filtro" not in text
