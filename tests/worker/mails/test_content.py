import re
from typing import Any

import pytest
from lxml import html

from tests.worker.mails.samples import (
    COMPANY,
    FINISHED,
    STARTED,
    SUMMARY,
    failed,
    mail,
    plain,
    shown,
    source,
    words,
)

CHANGES = [
    {"field": "situacao_cadastral", "before": "ATIVA", "after": "BAIXADA"},
    {"field": "capital_social", "before": "50000.00", "after": "1234567.50"},
    {"field": "nome_fantasia", "before": "", "after": "PÃO QUENTE"},
    {
        "field": "quadro_societario",
        "before": [
            {"nome": "ANTÔNIO", "qualificacao": "22-Sócio"},
            {"nome": "MARIA DA CONCEIÇÃO", "qualificacao": "49-Sócio-Administrador"},
        ],
        "after": COMPANY["quadro_societario"],
    },
]

ALL_MAILS: dict[str, tuple[str, dict[str, Any]]] = {
    "started": ("started", STARTED),
    "finished": ("finished", FINISHED),
    "changed": ("finished", {**FINISHED, "changes": CHANGES}),
    "error": ("finished", failed("attempts_exhausted", error_detail="A fonte não respondeu.")),
    "cancelled": ("finished", failed("cancelled", "cancelled")),
    "summary": ("summary", SUMMARY),
}


@pytest.mark.parametrize("name", ALL_MAILS)
def test_text_and_html_say_the_same(name: str) -> None:
    message = mail(*ALL_MAILS[name])

    # Where the text shows an address, the HTML has a link.
    text = re.sub(r": https://\S+", "", plain(message))
    assert words(text) == words(shown(message))


@pytest.mark.parametrize("name", ALL_MAILS)
def test_no_mail_shows_a_raw_value_of_the_program(name: str) -> None:
    text = plain(mail(*ALL_MAILS[name]))

    for raw in ("None", "null", "12ABC34501DE35", "T01:31", "processed", "ATIVA", "{", "["):
        assert raw not in text


def test_started_mail_tells_what_was_asked_for_in_local_time() -> None:
    text = plain(mail("started", STARTED))

    assert "Título: Fornecedor de pães" in text
    assert "Estado: Em andamento" in text
    assert "CNPJ: 12.ABC.345/01DE-35" in text
    assert "Prioridade: Urgente (5)" in text
    assert "Agendada para: 24/11/2026 às 22:30" in text
    assert "Iniciada em: 24/11/2026 às 22:31" in text
    assert "consulta nº 42 · execução 0192f3c4-7f1e-7aaa-9b1d-3a5a5a5a5a5a" in text


def test_finished_mail_tells_the_main_data_of_the_company() -> None:
    text = plain(mail("finished", FINISHED))

    for line in (
        "O CNPJ 12.ABC.345/01DE-35 pertence a PADARIA SÃO JOÃO LTDA. Situação cadastral: Ativa.",
        "Nome fantasia: PÃO QUENTE",
        "CNPJ: 12.ABC.345/01DE-35 · Matriz",
        "Desde 10/04/2012",
        "Abertura: 09/03/2011",
        "Porte: Empresa de pequeno porte (EPP)",
        "Atividade principal: 10.91-1-02 - Fabricação de produtos de padaria",
        "Capital social: R$ 1.234.567,50",
        "RUA DAS LARANJEIRAS, 123\n",
        "RIO VERMELHO · SALVADOR/BA\n",
        "CEP 40279-120",
        "Telefone: (71) 3348-2382",
        "E-mail: contato@pao.example",
        "Sócio-Administrador: MARIA DA CONCEIÇÃO",
        "Sócio: JOÃO BATISTA",
        "Estado: Concluída",
        "Duração: 1,8 s",
        "Base de 10/11/2026",
    ):
        assert line in text


def test_changes_are_told_before_the_rest_with_the_old_and_the_new_value() -> None:
    message = mail("finished", {**FINISHED, "changes": CHANGES})
    news, _, rest = plain(message).partition("Cadastro\n")

    assert str(message["Subject"]) == "Consulta concluída, 4 mudanças: Fornecedor de pães"
    assert "Desde a consulta anterior, 4 dados mudaram." in news
    assert "Situação cadastral:\n  Antes: Ativa\n  Agora: Baixada\n" in news
    assert "Capital social:\n  Antes: R$ 50.000,00\n  Agora: R$ 1.234.567,50\n" in news
    assert "Nome fantasia:\n  Agora: PÃO QUENTE\n" in news
    assert "Antes:" not in rest


def test_of_a_changed_list_only_what_came_and_what_went_is_told() -> None:
    news, _, _ = plain(mail("finished", {**FINISHED, "changes": CHANGES})).partition("Cadastro\n")

    assert "  Antes: ANTÔNIO · Sócio\n  Agora: JOÃO BATISTA · Sócio\n" in news
    assert "MARIA" not in news


def test_when_the_source_was_asked_and_how_old_its_data_is_are_told() -> None:
    text = " ".join(plain(mail("finished", FINISHED)).split())

    assert "Consultada em 24/11/2026 às 22:31:04" in text
    assert "Base de 10/11/2026" in text
    assert "atenção" not in text


def test_data_older_than_the_limit_is_told_with_a_warning() -> None:
    message = mail("finished", {**FINISHED, "stale_days": 13})

    assert "Base de 10/11/2026 (atenção: mais de 13 dias antes da consulta)" in " ".join(
        plain(message).split()
    )


def test_a_list_in_another_order_is_no_change() -> None:
    reordered = {
        "field": "atividades_secundarias",
        "before": ["01.11-3-01 - Arroz", "01.11-3-02 - Milho"],
        "after": ["01.11-3-02 - Milho", "01.11-3-01 - Arroz"],
    }

    assert "O que mudou" not in plain(mail("finished", {**FINISHED, "changes": [reordered]}))


@pytest.mark.parametrize(
    ("code", "word", "tone"),
    [
        ("ATIVA", "Ativa", "good"),
        ("SUSPENSA", "Suspensa", "warn"),
        ("INAPTA", "Inapta", "warn"),
        ("BAIXADA", "Baixada", "bad"),
        ("NULA", "Nula", "bad"),
        ("OUTRA", "OUTRA", "calm"),
    ],
)
def test_situation_is_told_by_colour_and_by_word(code: str, word: str, tone: str) -> None:
    message = mail("finished", {**FINISHED, "company": {**COMPANY, "situacao_cadastral": code}})
    row = html.document_fromstring(source(message)).xpath("//tr[th='Situação cadastral']//span")[0]

    assert row.text == word
    assert row.get("class") == tone
    assert f"Situação cadastral: {word}." in plain(message)


@pytest.mark.parametrize(
    ("code", "happened", "advice"),
    [
        ("not_found", "este CNPJ não existe", "Confira o número"),
        ("invalid_cnpj", "recusaram este CNPJ", "Confira o número"),
        ("captcha", "pediram um captcha", "envie o comprovante que salvou"),
        ("other_company", "é de outro CNPJ", "envie a página certa"),
        ("not_certificate", "não é o comprovante", "depois da verificação"),
        ("attempts_exhausted", "Tentamos várias vezes", "guardado para a nossa equipe"),
        ("layout_changed", "mudou de formato", "O problema é nosso"),
        ("unavailable", "fora do ar", "mais tarde"),
        ("rate_limited", "limite foi atingido", "se renova"),
        ("wrong_company", "sobre outro CNPJ", "mais tarde"),
        ("code_of_tomorrow", "Algo que não prevíamos", "referência"),
        (None, "Algo que não prevíamos", "referência"),
    ],
)
def test_each_error_tells_what_happened_and_what_to_do(
    code: str | None, happened: str, advice: str
) -> None:
    message = mail("finished", failed(code))
    text = plain(message)

    assert str(message["Subject"]) == "Consulta não concluída: Fornecedor de pães"
    assert happened in text
    assert advice in text.partition("E agora? ")[2].partition("\n")[0]
    assert "code_of_tomorrow" not in text


def test_a_run_that_waits_for_a_person_leads_to_its_page() -> None:
    address = "https://agendador.example/consultas/42"
    for code in ("captcha", "other_company", "not_certificate"):
        message = mail("finished", failed(code, web_url="https://agendador.example/"))
        assert f"Página da consulta: {address}\n" in plain(message)
        (link,) = html.document_fromstring(source(message)).xpath("//a")
        assert link.get("href") == address
        assert "python -m worker assisted" in plain(message) or code != "captcha"


def test_who_gets_the_end_of_a_consultation_is_led_to_its_page() -> None:
    message = mail("finished", {**FINISHED, "web_url": "https://agendador.example"})
    address = f"https://agendador.example/consultas/{FINISHED['job_id']}"
    assert f"Página da consulta: {address}\n" in plain(message)
    (link,) = html.document_fromstring(source(message)).xpath("//a")
    assert link.get("href") == address

    nowhere = mail("finished", {**FINISHED, "web_url": ""})
    assert "Página da consulta" not in plain(nowhere)


def test_cancelled_run_is_told_as_such_and_not_as_an_error() -> None:
    message = mail("finished", failed(None, "cancelled", finished_at=None, duration_ms=None))

    assert str(message["Subject"]) == "Consulta cancelada: Fornecedor de pães"
    assert "foi cancelada antes de terminar" in plain(message)
    assert "Terminada em" not in plain(message)


def test_company_that_is_missing_does_not_break_the_mail() -> None:
    text = plain(mail("finished", {**FINISHED, "company": None}))

    assert "terminou, mas os dados não vieram com este e-mail" in text
    assert "Cadastro" not in text


def test_what_is_unknown_is_left_out() -> None:
    company = {**COMPANY, "nome_fantasia": "", "telefone": "", "email": None, "capital_social": ""}
    text = plain(mail("finished", {**FINISHED, "company": {**company, "quadro_societario": []}}))

    for label in ("Nome fantasia", "Telefone", "E-mail", "Capital social", "Sócios", "Motivo"):
        assert label not in text
    assert "Nome empresarial: PADARIA SÃO JOÃO LTDA" in text


@pytest.mark.parametrize("name", ALL_MAILS)
def test_any_key_but_the_day_may_be_missing_or_null(name: str) -> None:
    kind, context = ALL_MAILS[name]
    for key in context.keys() - {"day"}:
        without = {field: value for field, value in context.items() if field != key}

        assert plain(mail(kind, without))
        assert plain(mail(kind, {**context, key: None}))


def test_long_lists_are_cut_and_say_so() -> None:
    company = {
        **COMPANY,
        "atividades_secundarias": [f"atividade {number:03}" for number in range(100)],
        "quadro_societario": [{"nome": f"PESSOA {number:03}"} for number in range(21)],
    }
    text = plain(mail("finished", {**FINISHED, "company": company}))

    assert "atividade 019\n  e mais 80\n" in text
    assert "Sócio: PESSOA 019\nE mais: 1 pessoa\n" in text


def test_summary_tells_the_day_by_what_became_of_each_job() -> None:
    message = mail("summary", SUMMARY)
    text = plain(message)

    assert str(message["Subject"]) == "Resumo de 24/11/2026: 7 consultas, 1 com erro"
    assert "Em 24 de novembro de 2026 (terça-feira), você teve 7 consultas: " in text
    assert "2 concluídas, 1 com erro, 1 cancelada e 3 a seguir." in text
    for entry in (
        "* Fornecedor de pães\n  PADARIA SÃO JOÃO LTDA\n  12.ABC.345/01DE-35",
        "12.ABC.345/01DE-35 · concluída às 09:00\n  Situação cadastral: Inapta\n",
        "* Contrato 88\n  00.000.000/E08G-12 · CNPJ não encontrado, às 12:30\n",
        "* Desistência\n  00.000.000/0001-91 · cancelada\n",
        "* Em curso\n  00.000.000/0001-91 · em andamento\n",
        "* Mais tarde\n  00.000.000/0001-91 · agendada para 24/11/2026 às 22:45 · ",
        "às 22:45 · prioridade média (2)\n",
    ):
        assert entry in text
    assert "E mais 2 consultas que não couberam aqui." in text


def test_summary_tells_what_changed() -> None:
    job = {**SUMMARY["jobs"][0], "changes": CHANGES}
    text = " ".join(plain(mail("summary", {**SUMMARY, "jobs": [job]})).split())

    assert (
        "mudou: situação cadastral (Ativa → Baixada), capital social, nome fantasia e mais 1"
    ) in text


def test_summary_of_a_day_without_jobs_says_so() -> None:
    message = mail("summary", {"day": "2026-12-01", "total": 0, "counts": {}, "jobs": []})

    assert str(message["Subject"]) == "Resumo de 01/12/2026: sem consultas"
    assert "Em 1º de dezembro de 2026 (terça-feira), você não teve consultas." in plain(message)


def test_summary_of_one_job_speaks_in_the_singular() -> None:
    one = {**SUMMARY, "total": 1, "counts": {"processed": 1}, "jobs": SUMMARY["jobs"][:1]}
    message = mail("summary", {**one, "omitted": 0})

    assert str(message["Subject"]) == "Resumo de 24/11/2026: 1 consulta"
    assert "você teve 1 consulta: 1 concluída." in plain(message)
    assert "não couberam" not in plain(message)
