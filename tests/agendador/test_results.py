from sqlalchemy import Engine

from core.ledger.transitions.work import COMPANY_FIELDS
from tests.agendador.conftest import Caller
from tests.agendador.ledgers import finish, job
from tests.people import cnpj


def make(caller: Caller, number: int = 1) -> int:
    job_id: int = caller.post("/jobs", json=job(cpf_cnpj=cnpj(number))).json["data"]["id"]
    return job_id


def test_a_result_shows_every_field_of_the_company(maria: Caller, ledger: Engine) -> None:
    job_id = make(maria)
    partner = {"nome": "ANA", "qualificacao": "Sócia"}
    run_id = finish(ledger, job_id, nome_empresarial="AÇAÍ LTDA", quadro_societario=[partner])

    (result,) = maria.get(f"/results?job_id={job_id}").json["data"]

    assert set(result) == {
        *COMPANY_FIELDS, "id", "job_id", "run_id", "creator_id", "creator_email", "created",
        "changes", "stale",
    }  # fmt: skip
    assert result["cnpj"] == cnpj(1)
    assert result["job_id"] == job_id
    assert result["run_id"] == str(run_id)
    assert result["nome_empresarial"] == "AÇAÍ LTDA"
    assert result["quadro_societario"] == [partner]
    assert result["nome_fantasia"] == ""
    assert result["changes"] == []


def test_results_are_listed_newest_first_by_pages(maria: Caller, ledger: Engine) -> None:
    ids = [make(maria, number) for number in range(3)]
    for job_id in ids:
        finish(ledger, job_id)

    everything = maria.get("/results").json["data"]
    second = maria.get("/results?page=2&per_page=2").json["data"]

    assert [result["job_id"] for result in everything] == list(reversed(ids))
    assert [result["job_id"] for result in second] == [ids[0]]


def test_results_of_somebody_else_are_not_seen(maria: Caller, joao: Caller, ledger: Engine) -> None:
    job_id = make(maria)
    finish(ledger, job_id)

    assert joao.get("/results").json["data"] == []
    assert joao.get(f"/results?job_id={job_id}").status_code == 404


def test_a_job_without_a_result_has_an_empty_list(maria: Caller) -> None:
    assert maria.get(f"/results?job_id={make(maria)}").json["data"] == []


def test_a_result_tells_whether_its_data_was_old_already(maria: Caller, ledger: Engine) -> None:
    dates = {"2026-11-01": False, "2026-10-01": True, "": False}
    for base, stale in dates.items():
        job_id = maria.post("/jobs", json=job()).json["data"]["id"]
        finish(ledger, job_id, data_da_base=base, data_pesquisa="2026-11-24")

        (result,) = maria.get(f"/results?job_id={job_id}").json["data"]
        assert result["stale"] is stale
