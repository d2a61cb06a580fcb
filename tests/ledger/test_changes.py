import time
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ledger.changes import SEVERITIES, TRACKED, compare
from core.ledger.models import Status
from core.ledger.transitions import mails
from core.ledger.transitions.work import COMPANY_FIELDS
from tests.world import World, company


def changed(field: str, before: Any, after: Any, **more: Any) -> list[str]:
    """Return the fields that changed when one went from a value to another."""
    found = compare(company(**{field: before}), company(**{field: after}, **more))
    return [change["field"] for change in found]


def partner(name: str, role: str = "") -> dict[str, str]:
    return {"nome": name, "qualificacao": role}


def test_every_field_of_a_company_has_a_severity() -> None:
    about_the_question = {"cnpj", "source", "data_pesquisa", "hora_pesquisa", "data_da_base"}
    assert sorted(TRACKED) == sorted(set(COMPANY_FIELDS) - about_the_question)


SAME = [
    ("nome_empresarial", "AÇAÍ  DO NORTE LTDA", "Açaí do Norte Ltda"),
    ("nome_empresarial", "AÇAÍ LTDA", "ACAI LTDA"),
    ("nome_empresarial", "AÇAÍ LTDA", "A\ufffdA\ufffd LTDA"),
    ("nome_fantasia", "", "********"),
    ("nome_fantasia", "AÇAÍ", "********"),
    ("email", "ana@example.org", "a**@example.org"),
    ("motivo_situacao_cadastral", "SEM MOTIVO", ""),
    ("motivo_situacao_cadastral", "", "Sem  motivo"),
    ("capital_social", "1000.00", "1000"),
    ("telefone", "(11) 3333-4444 / (11) 5555-6666", "(11) 5555-6666 / (11) 3333-4444"),
    ("atividade_principal", "10.91-1-02 - Padaria", "10.91-1-02 - Fabricação de pães"),
    ("natureza_juridica", "206-2 - Sociedade Empresária Limitada", "206-2 - LTDA"),
    ("atividades_secundarias", ["01.11-3-01 - A", "01.11-3-02 - B"], ["01.11-3-02", "01.11-3-01"]),
    (
        "quadro_societario",
        [partner("JOÃO", "49-Sócio-Administrador"), partner("ANA", "22-Sócio")],
        [partner("Ana", "Sócio"), partner("JO\ufffdO", "Sócio-Administrador")],
    ),
]


@pytest.mark.parametrize(("field", "before", "after"), SAME)
def test_what_says_the_same_is_no_change(field: str, before: Any, after: Any) -> None:
    assert changed(field, before, after) == []
    assert changed(field, after, before) == []


NEWS = [
    ("situacao_cadastral", "ATIVA", "BAIXADA"),
    ("situacao_especial", "FALÊNCIA", ""),
    ("nome_empresarial", "AÇAÍ LTDA", "A\ufffdA\ufffd SA"),
    ("capital_social", "1000.00", "10000.00"),
    ("telefone", "(11) 3333-4444", "(11) 3333-4445"),
    ("atividade_principal", "10.91-1-02 - Padaria", "10.91-1-01 - Padaria"),
    ("quadro_societario", [partner("ANA", "22-Sócio")], [partner("ANA", "49-Sócio-Administrador")]),
    ("quadro_societario", [partner("ANA")], [partner("ANA"), partner("BIA")]),
    ("quadro_societario", [partner("AN\ufffd")], [partner("ANA"), partner("BIA")]),
]


@pytest.mark.parametrize(("field", "before", "after"), NEWS)
def test_what_says_something_else_is_a_change(field: str, before: Any, after: Any) -> None:
    assert changed(field, before, after) == [field]
    assert changed(field, after, before) == [field]


def test_of_partners_two_sources_are_compared_by_name_alone() -> None:
    before = [partner("ANA", "Sócia")]

    assert changed("quadro_societario", before, [partner("Ana", "22")], source="other") == []
    assert changed("quadro_societario", before, [], source="other") == []
    assert changed("quadro_societario", before, [partner("BIA")], source="other") == [
        "quadro_societario"
    ]


def test_changes_come_with_their_severity_the_most_severe_first() -> None:
    before = company(email="a@b.c", uf="BA", nome_empresarial="A", situacao_cadastral="ATIVA")
    after = company(email="d@e.f", uf="SP", nome_empresarial="B", situacao_cadastral="INAPTA")

    assert [(change["field"], change["severity"]) for change in compare(before, after)] == [
        ("situacao_cadastral", "critical"),
        ("nome_empresarial", "high"),
        ("uf", "medium"),
        ("email", "low"),
    ]
    assert list(SEVERITIES) == ["critical", "high", "medium", "low"]


def test_lists_without_end_are_compared_in_a_moment() -> None:
    before = [partner("\ufffd" * 30 + str(number)) for number in range(5_000)]
    after = [partner("*" * 30 + str(number)) for number in range(5_000)]
    began = time.process_time()

    changed("quadro_societario", before, after)

    assert time.process_time() - began < 2


words = st.text(max_size=20)
partners = st.lists(st.builds(partner, words, words), max_size=4)
companies = st.builds(
    lambda name, amount, phone, owners: company(
        nome_empresarial=name, capital_social=amount, telefone=phone, quadro_societario=owners
    ),
    words,
    words,
    words,
    partners,
)


@settings(deadline=None)
@given(companies, companies)
def test_any_two_results_can_be_compared(one: dict[str, Any], other: dict[str, Any]) -> None:
    there = {change["field"] for change in compare(one, other)}
    back = {change["field"] for change in compare(other, one)}

    assert there == back
    assert compare(one, one) == []


def test_a_result_is_compared_with_the_last_one_of_its_owner(world: World) -> None:
    for user, name in (("maria", "A"), ("joao", "B"), ("maria", "C"), ("maria", "c")):
        _, run_id = world.start(user=user)
        told = company(cnpj="00000000000191", nome_empresarial=name)
        world.settle(run_id, Status.PROCESSED, company=told)

    found = [[change["before"] for change in result.changes] for result in world.results()]
    assert found == [[], [], ["A"], []]


def test_a_summary_begins_with_what_changed_most_severely(world: World) -> None:
    told = {"nome_empresarial": "A", "situacao_cadastral": "ATIVA", "email": "a@b.c"}
    news: list[dict[str, str]] = [
        {},
        {"email": "d@e.f"},
        {"situacao_cadastral": "INAPTA"},
        {"nome_empresarial": "B"},
    ]
    jobs = []
    for number, changed_fields in enumerate(news):
        for fields in (told, told | changed_fields):
            job_id, run_id = world.start()
            answer = company(cnpj=f"{number:014}", **fields)
            world.settle(run_id, Status.PROCESSED, company=answer)
        jobs.append(job_id)
    unchanged, contact, situation, name = jobs
    since = world.now() - timedelta(hours=1)
    with world.engine.connect() as connection:
        (summary,) = mails.preview_summaries(
            connection, since.date(), since, since + timedelta(hours=2)
        )

    listed = [job["job_id"] for job in summary.context["jobs"]]
    assert listed[:4] == [situation, name, contact, min(listed[3:])]
    assert unchanged in listed[3:]
