"""The mail catcher, as a program that sends mail and MailHog's clients see it."""

import smtplib
from email.message import EmailMessage

import pytest
import requests

from devstack.process import Program
from tests.clients import Inbox

TIMEOUT = 10


def letter(to: str = "maria@empresa.example", subject: str = "Consulta concluída") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Agendador <agendador@empresa.example>"
    message["To"] = to
    message["Subject"] = subject
    message.set_content("Olá, Maria.\n.uma linha que começa com ponto\n")
    message.add_alternative("<p>Olá, <b>Maria</b></p><script>alert(1)</script>", subtype="html")
    return message


def send(inbox: Inbox, *messages: EmailMessage) -> None:
    with smtplib.SMTP(inbox.smtp_host, inbox.smtp_port, timeout=TIMEOUT) as connection:
        for message in messages:
            connection.send_message(message)


def test_a_mail_arrives_with_its_text_its_html_and_its_envelope(inbox: Inbox) -> None:
    send(inbox, letter())

    [mail] = inbox.wait_for(1, to="maria@empresa.example")

    assert mail.subject == "Consulta concluída"
    assert mail.text == "Olá, Maria.\n.uma linha que começa com ponto\n"
    assert "<b>Maria</b>" in mail.html


def test_the_list_has_mailhogs_shape(inbox: Inbox) -> None:
    send(inbox, letter())

    listing = requests.get(f"{inbox.url}/api/v2/messages", timeout=TIMEOUT).json()

    assert (listing["total"], listing["count"], listing["start"]) == (1, 1, 0)
    [item] = listing["items"]
    assert set(item) == {"ID", "From", "To", "Content", "Created", "MIME", "Raw"}
    assert item["From"] == {
        "Relays": None, "Mailbox": "agendador", "Domain": "empresa.example", "Params": "",
    }  # fmt: skip
    assert [to["Mailbox"] for to in item["To"]] == ["maria"]
    assert set(item["Content"]) == {"Headers", "Body", "Size", "MIME"}
    assert item["Content"]["Headers"]["To"] == ["maria@empresa.example"]
    assert item["Content"]["Size"] == len(item["Raw"]["Data"].encode())
    assert item["Raw"]["From"] == "agendador@empresa.example"
    assert item["Raw"]["To"] == ["maria@empresa.example"]
    types = [part["Headers"]["Content-Type"][0] for part in item["MIME"]["Parts"]]
    assert [kind.split(";")[0] for kind in types] == ["text/plain", "text/html"]
    assert "Olá, Maria." in item["MIME"]["Parts"][0]["Body"]


def test_a_mail_without_parts_has_its_body_and_no_mime(inbox: Inbox) -> None:
    with smtplib.SMTP(inbox.smtp_host, inbox.smtp_port, timeout=TIMEOUT) as connection:
        connection.sendmail("", ["ana@empresa.example"], "Subject: aviso\r\n\r\ncorpo\r\n")

    item = requests.get(f"{inbox.url}/api/v2/messages", timeout=TIMEOUT).json()["items"][0]

    assert (item["Content"]["Body"], item["MIME"]) == ("corpo\r\n", None)


def test_the_list_is_paged_newest_first(inbox: Inbox) -> None:
    send(inbox, *(letter(subject=f"Aviso {number}") for number in range(5)))

    listing = requests.get(
        f"{inbox.url}/api/v2/messages", params={"start": 1, "limit": 2}, timeout=TIMEOUT
    ).json()

    assert (listing["total"], listing["count"], listing["start"]) == (5, 2, 1)
    subjects = [item["Content"]["Headers"]["Subject"] for item in listing["items"]]
    assert subjects == [["Aviso 3"], ["Aviso 2"]]


def test_a_search_finds_by_recipient_sender_and_content(inbox: Inbox) -> None:
    send(inbox, letter(to="maria@empresa.example"), letter(to="joao@empresa.example"))

    def found(kind: str, query: str) -> int:
        answer = requests.get(
            f"{inbox.url}/api/v2/search", params={"kind": kind, "query": query}, timeout=TIMEOUT
        )
        return int(answer.json()["total"])

    assert found("to", "JOAO@empresa.example") == 1
    assert found("from", "agendador@") == 2
    assert found("containing", "começa com ponto") == 2
    assert found("to", "nobody@") == 0


def test_one_mail_can_be_read_and_deleted_by_its_id(inbox: Inbox) -> None:
    send(inbox, letter(), letter(to="joao@empresa.example"))
    items = requests.get(f"{inbox.url}/api/v2/messages", timeout=TIMEOUT).json()["items"]
    address = f"{inbox.url}/api/v1/messages/{items[0]['ID']}"

    assert requests.get(address, timeout=TIMEOUT).json() == items[0]
    assert requests.delete(address, timeout=TIMEOUT).status_code == 200
    assert requests.get(address, timeout=TIMEOUT).status_code == 404
    assert [mail.recipients for mail in inbox.messages()] == [("maria@empresa.example",)]


def test_deleting_all_leaves_an_empty_list(inbox: Inbox) -> None:
    send(inbox, letter(), letter())

    assert requests.delete(f"{inbox.url}/api/v1/messages", timeout=TIMEOUT).status_code == 200

    assert inbox.messages() == []


def test_mails_survive_a_killed_catcher(programs: dict[str, Program], inbox: Inbox) -> None:
    send(inbox, letter(), letter(subject="Resumo do dia"))

    programs["inbox"].kill()
    programs["inbox"].start()

    assert [mail.subject for mail in inbox.messages()] == ["Consulta concluída", "Resumo do dia"]


def test_the_page_lists_mails_and_escapes_what_they_say(inbox: Inbox) -> None:
    send(inbox, letter(subject="<script>alert(1)</script>"))

    page = requests.get(inbox.url, timeout=TIMEOUT)

    assert "1 mensagem" in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<script>" not in page.text


def test_the_mails_own_html_is_shown_where_it_can_run_nothing(inbox: Inbox) -> None:
    send(inbox, letter())
    key = requests.get(f"{inbox.url}/api/v2/messages", timeout=TIMEOUT).json()["items"][0]["ID"]

    page = requests.get(f"{inbox.url}/mail/{key}", timeout=TIMEOUT)
    frame = requests.get(f"{inbox.url}/mail/{key}/html", timeout=TIMEOUT)

    assert '<iframe sandbox="allow-popups' in page.text
    assert f'src="/mail/{key}/html"' in page.text
    assert "Olá, Maria." in page.text
    assert "<b>Maria</b>" in frame.text
    policy = frame.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox allow-popups" in policy
    assert "allow-scripts" not in policy


@pytest.mark.parametrize(
    "hostile",
    [
        b'From: "\r\n\r\nx',
        b"From: a@[\r\n\r\nx",
        b"Subject: =?unicode_escape?q?=5Cud800?=\r\n\r\nx",
        b"Content-Type: text/plain; charset=idna\r\n\r\n\xff",
        b'Content-Type: text/plain; charset="a\0b"\r\n\r\nx',
        b"Content-Type: text/plain; charset=unicode_escape\r\n\r\n\\ud800",
        b"Content-Type: text/plain; a=" + b"((((((((((\r\n " * 300 + b"\r\n\r\nx",
        b"X-Bytes: \xff\r\n\r\nx",
    ],
)
def test_a_mail_that_cannot_be_decoded_hides_no_other(inbox: Inbox, hostile: bytes) -> None:
    send(inbox, letter())
    with smtplib.SMTP(inbox.smtp_host, inbox.smtp_port, timeout=TIMEOUT) as connection:
        connection.sendmail("", ["ana@empresa.example"], hostile)

    listing = requests.get(f"{inbox.url}/api/v2/messages", timeout=TIMEOUT).json()
    page = requests.get(inbox.url, timeout=TIMEOUT)

    assert listing["total"] == len(listing["items"]) == 2
    assert "Consulta concluída" in page.text
    for view in ("", "/html"):
        shown = requests.get(f"{inbox.url}/mail/{listing['items'][0]['ID']}{view}", timeout=TIMEOUT)
        assert shown.status_code == 200


def test_an_unknown_address_is_not_found(inbox: Inbox) -> None:
    for path in ("/api/v3/messages", "/mail/none", "/../../etc/passwd"):
        assert requests.get(inbox.url + path, timeout=TIMEOUT).status_code == 404
