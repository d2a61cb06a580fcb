from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import html

from tests.worker.mails.samples import (
    COMPANY,
    FINISHED,
    STARTED,
    SUMMARY,
    mail,
    plain,
    shown,
    source,
)
from worker.mails import MailError, render

SCRIPT = "<script>alert(1)</script>\"'&amp;"
HOSTILE = [
    pytest.param(SCRIPT, SCRIPT, id="markup"),
    pytest.param("{{ 7 * 7 }}{% raw %}", "{{ 7 * 7 }}{% raw %}", id="template"),
    pytest.param("Pão\r\nBcc: eva@example.com", "Pão Bcc: eva@example.com", id="line break"),
    pytest.param("a\x00b\x1b[31m\x85\u2028c", "a b [31m c", id="control characters"),
    pytest.param("abc\u202etxt.exe\u2066", "abctxt.exe", id="turned direction"),
    pytest.param("שלום עולם", "שלום עולם", id="right to left"),
    pytest.param("N" * 500, "N" * 500, id="long"),
    pytest.param("😀 Açaí ☕", "😀 Açaí ☕", id="beyond latin"),
]


@pytest.mark.parametrize(("typed", "seen"), HOSTILE)
def test_hostile_text_is_shown_as_text_in_both_parts(typed: str, seen: str) -> None:
    company = {**COMPANY, "nome_empresarial": typed, "quadro_societario": [{"nome": typed}]}
    changes = [{"field": typed, "before": [typed], "after": {"nome": typed}}]
    message = mail("finished", {**FINISHED, "title": typed, "company": company, "changes": changes})
    page = html.document_fromstring(source(message))

    assert f"Título: {seen}\n" in plain(message)
    assert f"Nome empresarial: {seen}\n" in plain(message)
    assert page.xpath("//tr[th='Nome empresarial']/td/div/text()") == [seen]
    assert page.xpath("count(//script)") == 0
    assert seen in shown(message)


@pytest.mark.parametrize(("typed", "seen"), HOSTILE)
def test_hostile_title_makes_no_header(typed: str, seen: str) -> None:
    message = mail("started", {**STARTED, "title": typed})

    assert message["Bcc"] is None
    assert sorted(message.keys()) == sorted(mail("started", STARTED).keys())
    subject = str(message["Subject"])
    assert subject == f"Consulta iniciada: {seen if len(seen) <= 80 else seen[:79] + '…'}"


def test_headers_say_who_writes_to_whom_and_that_no_person_does() -> None:
    now = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
    message = mail("started", STARTED, key="run:0192:started", now=now)

    assert str(message["From"]) == "Agendador de consultas <agendador@example.org>"
    assert str(message["To"]) == "ana@example.com"
    assert str(message["Subject"]) == "Consulta iniciada: Fornecedor de pães"
    assert str(message["Date"]) == "Tue, 24 Nov 2026 19:00:00 -0300"
    assert str(message["Auto-Submitted"]) == "auto-generated"
    assert str(message["X-Entity-Ref-ID"]) == "run:0192:started"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "text/plain",
        "text/html",
    ]


def test_summary_can_be_ended_with_one_click_in_the_mail_program_and_by_its_link() -> None:
    message = mail("summary", SUMMARY)
    link = f"https://api.example/unsubscribe?token={SUMMARY['unsubscribe_token']}"

    assert message["List-Unsubscribe"] == f"<{link}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"Não quero mais receber este resumo: {link}\n" in plain(message)
    page = html.document_fromstring(source(message))
    assert page.xpath("//a[contains(., 'Não quero mais')]/@href") == [link]


@pytest.mark.parametrize(("kind", "context"), [("started", STARTED), ("finished", FINISHED)])
def test_mails_that_cannot_be_ended_do_not_say_so(kind: str, context: dict[str, Any]) -> None:
    message = mail(kind, context)

    assert message["List-Unsubscribe"] is message["List-Unsubscribe-Post"] is None
    assert "unsubscribe" not in source(message) + plain(message)


def test_same_row_always_gives_the_same_message_id_and_another_row_another() -> None:
    first = mail("started", STARTED, key="run:1:started")["Message-ID"]
    again = mail("started", {**STARTED, "title": "Outro"}, key="run:1:started")["Message-ID"]
    other = mail("started", STARTED, key="run:2:started")["Message-ID"]

    assert first == again != other
    assert str(first).endswith("@example.org>")


def test_what_goes_over_the_wire_keeps_to_the_line_length_of_smtp() -> None:
    company = {**COMPANY, "nome_empresarial": "Ç" * 1000}
    wire = render(
        "finished",
        {**FINISHED, "company": company, "title": "é" * 200},
        key="k",
        recipient="ana@example.com",
        sender="a@example.org",
    ).content

    assert max(len(line) for line in wire.split(b"\r\n")) <= 998
    assert wire.isascii()


def test_domain_with_accents_is_written_in_its_ascii_form() -> None:
    assert str(mail("started", STARTED, recipient="ana@pão.com.br")["To"]) == (
        "ana@xn--po-sia.com.br"
    )


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "ana",
        "ana@",
        "@example.com",
        "<>",
        "ana@example.com, eva@example.com",
        "ana@example.com\r\nBcc: eva@example.com",
        "a b@example.com",
        f"ana@{'x' * 70}.com",
    ],
)
def test_recipient_that_is_not_one_address_is_refused(recipient: str) -> None:
    with pytest.raises(MailError, match="not one e-mail address"):
        mail("started", STARTED, recipient=recipient)


@pytest.mark.parametrize(
    ("kind", "context", "reason"),
    [
        ("party", STARTED, "no mail of kind 'party'"),
        ("started", {**STARTED, "date": "amanhã"}, "date: "),
        ("started", {**STARTED, "priority": "muita"}, "priority: "),
        ("summary", {}, "day: "),
        ("finished", {**FINISHED, "company": "PADARIA"}, "company: "),
    ],
)
def test_row_that_cannot_be_a_mail_is_refused_without_telling_its_values(
    kind: str, context: dict[str, Any], reason: str
) -> None:
    with pytest.raises(MailError, match=reason) as refused:
        mail(kind, context)

    assert "PADARIA" not in str(refused.value)


def test_html_adapts_to_dark_mode_and_narrow_screens() -> None:
    page = source(mail("finished", FINISHED))

    assert '<meta name="color-scheme" content="light dark">' in page
    assert "@media (prefers-color-scheme: dark)" in page
    assert "@media (max-width: 520px)" in page
    assert '<html lang="pt-BR"' in page


def test_html_loads_nothing_from_elsewhere() -> None:
    page = html.document_fromstring(source(mail("finished", FINISHED)))

    assert page.xpath("//@src | //@href | //link | //img") == []
