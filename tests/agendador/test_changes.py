from typing import Any

from sqlalchemy import Engine

from tests.agendador.conftest import Caller
from tests.agendador.ledgers import finish, job
from tests.people import cnpj

BEFORE: dict[str, Any] = {
    "nome_empresarial": "AÇAÍ LTDA",
    "situacao_cadastral": "ATIVA",
    "logradouro": "R. DAS FLORES",
    "atividades_secundarias": ["10.91-1-02 - Padaria", "47.21-1-02 - Mercearia"],
    "quadro_societario": [{"nome": "ANA", "qualificacao": "Sócia"}],
    "hora_pesquisa": "10:00:00",
}


def consult(caller: Caller, ledger: Engine, number: int = 1, **fields: Any) -> dict[str, Any]:
    """Let a CNPJ be consulted and return its result."""
    job_id = caller.post("/jobs", json=job(cpf_cnpj=cnpj(number))).json["data"]["id"]
    finish(ledger, job_id, **fields)
    (result,) = caller.get(f"/results?job_id={job_id}").json["data"]
    return dict(result)


def change(field: str, severity: str, before: Any, after: Any) -> dict[str, Any]:
    return {"field": field, "severity": severity, "before": before, "after": after}


def test_a_first_result_has_no_changes(maria: Caller, ledger: Engine) -> None:
    assert consult(maria, ledger, **BEFORE)["changes"] == []


def test_a_result_tells_what_changed_since_the_last_one(maria: Caller, ledger: Engine) -> None:
    consult(maria, ledger, **BEFORE)
    after = BEFORE | {"situacao_cadastral": "BAIXADA", "situacao_especial": "FALÊNCIA",
                      "quadro_societario": [], "hora_pesquisa": "11:00:00"}  # fmt: skip
    partners = BEFORE["quadro_societario"]

    assert consult(maria, ledger, **after)["changes"] == [
        change("situacao_cadastral", "critical", "ATIVA", "BAIXADA"),
        change("situacao_especial", "critical", "", "FALÊNCIA"),
        change("quadro_societario", "high", partners, []),
    ]
    assert consult(maria, ledger, **after)["changes"] == []


def test_the_order_of_a_list_is_no_change(maria: Caller, ledger: Engine) -> None:
    consult(maria, ledger, **BEFORE)
    turned: list[str] = list(reversed(BEFORE["atividades_secundarias"]))

    assert consult(maria, ledger, **BEFORE | {"atividades_secundarias": turned})["changes"] == []


def test_another_source_that_says_less_or_in_other_words_is_no_change(
    maria: Caller, ledger: Engine
) -> None:
    consult(maria, ledger, **BEFORE)
    other: dict[str, Any] = {
        "source": "other",
        "logradouro": "RUA DAS FLORES",
        "situacao_cadastral": "INAPTA",
    }

    assert consult(maria, ledger, **other)["changes"] == [
        change("situacao_cadastral", "critical", "ATIVA", "INAPTA")
    ]


def test_results_of_others_and_of_other_companies_are_not_compared(
    maria: Caller, joao: Caller, ledger: Engine
) -> None:
    consult(maria, ledger, **BEFORE)

    assert consult(joao, ledger, situacao_cadastral="BAIXADA")["changes"] == []
    assert consult(maria, ledger, 2, situacao_cadastral="BAIXADA")["changes"] == []
