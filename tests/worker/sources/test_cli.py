import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devstack.registry import reserved
from tests.clients import Registry
from tests.worker.sources.saved import OURS, ROOT, ours

CNPJ = "12345678000195"


def test_a_saved_page_is_shown_as_json() -> None:
    done = _run("parse", OURS / "certificate-g2.html")

    assert done.returncode == 0
    assert json.loads(done.stdout) == json.loads(ours("certificate-g2.json"))


def test_a_saved_qsa_page_is_read_too() -> None:
    done = _run("parse", OURS / "qsa.html", "--cnpj", "12.345.678/0001-95")

    assert json.loads(done.stdout) == json.loads(ours("qsa.json"))


def test_a_saved_answer_of_a_service_is_shown_as_json() -> None:
    done = _run("parse", OURS / "payloads" / "cnpja.json", "--source", "cnpja")

    assert done.returncode == 0
    assert json.loads(done.stdout)["cnpj"] == CNPJ


def test_the_source_of_a_saved_answer_need_not_be_named() -> None:
    done = _run("parse", OURS / "payloads" / "cnpja.json")

    assert done.returncode == 0
    assert json.loads(done.stdout)["nome_fantasia"] == "PADARIA DA PRAÇA"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["not-found.html"], "NotFound: A fonte não encontrou esse CNPJ."),
        (["captcha.html"], "Captcha: A fonte pede uma verificação humana (captcha)."),
        (["other.html"], "LayoutChanged: A resposta da fonte mudou de forma. Faltam: NÚMERO DE"),
        (["certificate-g2.html", "--cnpj", "12ABC34501DE35"], "WrongCompany: "),
    ],
)
def test_an_error_is_shown_by_name_and_reason(arguments: list[str], said: str) -> None:
    done = _run("parse", OURS / arguments[0], *arguments[1:])

    assert done.returncode == 1
    assert done.stdout.startswith(said)


@pytest.mark.parametrize("source", [[], ["--source", "receita"]])
def test_a_pdf_is_told_apart_from_a_page(tmp_path: Path, source: list[str]) -> None:
    (tmp_path / "x.pdf").write_bytes(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")

    done = _run("parse", tmp_path / "x.pdf", *source)

    assert done.returncode == 1
    assert done.stdout.startswith("NotCertificate: Este é um PDF. Salve a página do navegador")


@pytest.mark.parametrize(
    "arguments",
    [["parse", "nowhere.html"], ["parse", "x", "--source", "x"], ["consult", "12345678000190"]],
)
def test_wrong_arguments_are_told(arguments: list[str]) -> None:
    done = _run(*arguments)

    assert done.returncode == 2
    assert done.stderr


def test_a_company_is_looked_up_from_the_terminal(registry: Registry) -> None:
    shown = _run("consult", "12.345.678/0001-95", SOURCES="receita", RECEITA_URL=registry.page)
    as_json = _run("consult", CNPJ, "--source", "receita", "--json", RECEITA_URL=registry.page)

    company = json.loads(as_json.stdout)
    assert (shown.returncode, as_json.returncode) == (0, 0)
    assert (company["cnpj"], company["source"]) == (CNPJ, "receita")
    assert "12.345.678/0001-95" in shown.stdout
    assert company["nome_empresarial"] in shown.stdout
    assert len(registry.requests(CNPJ)) == 2


def test_why_a_company_cannot_be_looked_up_is_told(registry: Registry) -> None:
    done = _run("consult", reserved.NOT_FOUND, SOURCES="receita", RECEITA_URL=registry.page)

    assert done.returncode == 1
    assert done.stdout == "NotFound: A fonte não encontrou esse CNPJ. (receita)\n"


def test_a_bad_setting_stops_it_by_name() -> None:
    done = _run("consult", CNPJ, SOURCES="receta", RECEITA_TIMEOUT="soon")

    assert done.returncode == 2
    assert "setting SOURCES" in done.stderr
    assert "setting RECEITA_TIMEOUT" in done.stderr


def _run(*arguments: Any, **settings: str) -> subprocess.CompletedProcess[str]:
    clean = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    return subprocess.run(  # noqa: S603 our own program
        [sys.executable, "-m", "worker", *map(str, arguments)],
        cwd=Path(ROOT),
        env=clean | {"PYTHONUTF8": "1"} | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
