import csv
import io
from typing import Any

import pytest
from sqlalchemy import Engine

from agendador.exports import cell
from tests.agendador.conftest import Caller
from tests.agendador.ledgers import finish, job
from tests.people import cnpj


def table(answer: Any, separator: str = ",") -> list[dict[str, str]]:
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True)), delimiter=separator))


def test_jobs_are_exported_as_they_are_filtered(maria: Caller, joao: Caller) -> None:
    maria.post("/jobs", json=job(title='Café; "bom", sim', priority=5))
    maria.post("/jobs", json=job(priority=1))
    joao.post("/jobs", json=job())

    (row,) = table(maria.get("/jobs.csv?priority=5"))
    assert row["title"] == 'Café; "bom", sim'
    assert row["date"] == "2031-03-01 09:00:00"
    assert row["cpf_cnpj"] == "00.000.001/0001-36"
    assert len(table(maria.get("/jobs.csv"))) == 2


def test_results_are_exported_newest_first(maria: Caller, ledger: Engine) -> None:
    ids = [maria.post("/jobs", json=job(cpf_cnpj=cnpj(n))).json["data"]["id"] for n in range(3)]
    for job_id in ids:
        finish(
            ledger,
            job_id,
            nome_empresarial="AÇAÍ LTDA",
            quadro_societario=[{"nome": "ANA", "qualificacao": "Sócia"}, {"nome": "RUI"}],
        )

    rows = table(maria.get("/results.csv"))

    assert [int(row["job_id"]) for row in rows] == ids[::-1]
    assert rows[0]["nome_empresarial"] == "AÇAÍ LTDA"
    assert rows[0]["quadro_societario"] == "ANA - Sócia | RUI"
    assert len(table(maria.get(f"/results.csv?job_id={ids[0]}"))) == 1


def test_a_file_for_excel_has_its_mark_and_semicolons(maria: Caller) -> None:
    maria.post("/jobs", json=job())
    answer = maria.get("/jobs.csv?separator=;")

    assert answer.data.startswith(b"\xef\xbb\xbfid;title;")
    assert len(table(answer, ";")) == 1
    assert maria.get("/jobs.csv?separator=x").status_code == 422


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_no_cell_is_a_formula(begin: str) -> None:
    assert cell("title", f"{begin}cmd|'/c calc'!A1") == f"'{begin}cmd|'/c calc'!A1"


def test_a_title_that_looks_like_a_formula_is_text(maria: Caller) -> None:
    maria.post("/jobs", json=job(title='=HYPERLINK("http://x","y")'))

    (row,) = table(maria.get("/jobs.csv"))
    assert row["title"].startswith("'=")


def test_what_was_exported_can_be_imported(maria: Caller, joao: Caller) -> None:
    maria.post("/jobs", json=job(title="Padaria"))
    exported = maria.get("/jobs.csv").data

    answer = joao.post("/jobs/import", data=exported, content_type="text/csv")

    assert answer.status_code == 201, answer.json
    (made,) = joao.get("/jobs").json["data"]["items"]
    assert (made["title"], made["date"]) == ("Padaria", "2031-03-01T12:00:00+00:00")
