"""A mail server that asks for encryption and a log-in."""

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import Engine

from devstack.ports import LOOPBACK
from tests.waiting import wait_until
from tests.worker.mailer.postbox import Postbox
from tests.worker.mailer.rows import StartMailer, logged, queue_mail, row, wait_sent
from worker.mails.connection import connect
from worker.settings import MailerSettings

USER, PASSWORD = "agendador", "segredo-do-correio"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Give a file with a certificate of `localhost` and its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "localhost.pem"
    file.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def locked_postbox(tls: ssl.SSLContext) -> Iterator[Postbox]:
    server = Postbox(tls=tls, login=(USER, PASSWORD))
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=[False, True], ids=["one by one", "pipelining"])
def encrypting_postbox(tls: ssl.SSLContext, request: pytest.FixtureRequest) -> Iterator[Postbox]:
    server = Postbox(tls=tls, pipelining=request.param)
    server.start()
    yield server
    server.stop()


def settings(certificate: Path, password: str = PASSWORD) -> dict[str, str]:
    return {
        "SMTP_HOST": "localhost",
        "SMTP_STARTTLS": "true",
        "SMTP_USER": USER,
        "SMTP_PASSWORD": password,
        "SSL_CERT_FILE": str(certificate),
    }


def test_mail_is_sent_encrypted_and_logged_in(
    ledger: Engine, locked_postbox: Postbox, start_mailer: StartMailer, certificate: Path
) -> None:
    mailer = start_mailer(locked_postbox.port, **settings(certificate))

    wait_sent(ledger, queue_mail(ledger, "ana@example.com"))

    assert locked_postbox.received == ["ana@example.com"]
    assert PASSWORD not in mailer.log.read_text()


def test_mails_are_sent_encrypted_to_a_server_that_wants_no_log_in(
    ledger: Engine, encrypting_postbox: Postbox, start_mailer: StartMailer, certificate: Path
) -> None:
    people = [f"p{number}@example.com" for number in range(5)]
    ids = [queue_mail(ledger, person) for person in people]

    start_mailer(encrypting_postbox.port, **settings(certificate) | {"SMTP_USER": ""})
    wait_sent(ledger, *ids)

    assert encrypting_postbox.received == people
    assert len(encrypting_postbox.connections) == 1


def test_wrong_password_fails_no_mail_and_is_not_logged(
    ledger: Engine, locked_postbox: Postbox, start_mailer: StartMailer, certificate: Path
) -> None:
    wrong = settings(certificate, "senha-errada")
    mailer = start_mailer(locked_postbox.port, MAX_MAIL_ATTEMPTS="1", **wrong)
    mail_id = queue_mail(ledger, "ana@example.com")

    away = wait_until(lambda: logged(mailer, "smtp_server_away"), because="not noticed")

    assert "SMTPAuthenticationError: 535" in away[0]["error"]
    assert row(ledger, mail_id).failed_at is None
    assert "senha-errada" not in mailer.log.read_text()


def test_server_whose_certificate_nobody_vouches_for_gets_no_mail(
    ledger: Engine, locked_postbox: Postbox, start_mailer: StartMailer, certificate: Path
) -> None:
    strange = {**settings(certificate), "SSL_CERT_FILE": "/dev/null"}
    mailer = start_mailer(locked_postbox.port, **strange)
    queue_mail(ledger, "ana@example.com")

    away = wait_until(lambda: logged(mailer, "smtp_server_away"), because="not noticed")

    assert "CERTIFICATE_VERIFY_FAILED" in away[0]["error"]
    assert locked_postbox.received == []


def test_what_was_said_before_the_encryption_began_is_no_answer(
    ledger: Engine, tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    def serve() -> None:
        plain, _ = server.accept()
        plain.sendall(b"220 hello\r\n")
        plain.recv(1000)
        plain.sendall(b"250-hello\r\n250 STARTTLS\r\n")
        plain.recv(1000)
        plain.sendall(b"220 go on\r\n250-forged\r\n250 PIPELINING\r\n")
        with tls.wrap_socket(plain, server_side=True) as encrypted:
            encrypted.recv(1000)
            encrypted.sendall(b"250 genuine\r\n")

    with socket.create_server((LOOPBACK, 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        settings = MailerSettings.model_validate(
            {
                "database_url": ledger.url.render_as_string(hide_password=False),
                "smtp_host": "localhost",
                "smtp_port": server.getsockname()[1],
                "smtp_starttls": True,
            }
        )
        connection = connect(settings)
        thread.join()
    connection.close()

    assert connection.ehlo_resp == b"genuine"
    assert not connection.is_pipelined
