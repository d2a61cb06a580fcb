"""The mails about an account: what they say, and how they go out (SMTP, RFC 5321)."""

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from core.addresses import parse_address
from core.clock import SAO_PAULO, utc_now
from users.settings import UsersSettings

TIMEOUT_SECONDS = 10.0

_templates = Environment(
    loader=PackageLoader("users"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Letter:
    """What a mail says; `link` is where its button leads, if it has one."""

    subject: str
    full_name: str
    paragraphs: tuple[str, ...]
    button: str = ""
    link: str = ""
    after: tuple[str, ...] = ()


_NOTICES = {
    "password_changed": (
        "Sua senha foi trocada",
        "A senha da sua conta acaba de ser trocada, e as outras sessões foram encerradas.",
        "Se não foi você, peça outra senha em “Esqueci minha senha” e fale com o suporte.",
    ),
    "email_changed": (
        "O e-mail da sua conta mudou",
        "A sua conta passou a usar outro e-mail: é com ele que se entra de agora em diante.",
        "Se não foi você, fale com o suporte agora mesmo.",
    ),
}


def reset(full_name: str, web_url: str, token: str) -> Letter:
    """Return the letter with the link to another password."""
    return Letter(
        subject="Crie uma nova senha",
        full_name=full_name,
        paragraphs=("Recebemos um pedido para criar uma nova senha para a sua conta.",),
        button="Criar nova senha",
        link=f"{web_url.rstrip('/')}/redefinir-senha?token={quote(token)}",
        after=(
            "O link vale por 30 minutos e funciona uma única vez.",
            "Se você não fez este pedido, ignore esta mensagem: a senha continua a mesma.",
        ),
    )


def notice(kind: str, full_name: str) -> Letter:
    """Return the letter that tells of a change of the account."""
    subject, *paragraphs = _NOTICES[kind]
    return Letter(subject, full_name, tuple(paragraphs))


def seal(letter: Letter, recipient: str, sender: str) -> EmailMessage:
    """Return the message; `sender` may have a name before its address (RFC 5322, 3.4)."""
    origin = parse_address(sender)
    message = EmailMessage(policy=SMTP)
    message["From"] = origin
    message["To"] = parse_address(recipient)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(utc_now().astimezone(SAO_PAULO))
    message["Message-ID"] = make_msgid(domain=origin.domain)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody is to answer
    message["Content-Language"] = "pt-BR"
    message.set_content(_templates.get_template("letter.txt").render(letter=letter))
    html = _templates.get_template("letter.html").render(letter=letter)
    message.add_alternative(html, subtype="html")
    return message


def send(message: EmailMessage, settings: UsersSettings) -> None:
    """Hand a message to the mail server; raises smtplib.SMTPException or OSError."""
    connection = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT_SECONDS)
    try:
        if settings.smtp_starttls:
            connection.starttls(context=ssl.create_default_context())
        if settings.smtp_user:
            connection.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        connection.send_message(message)
        with suppress(smtplib.SMTPException, OSError):  # it has been taken already
            connection.quit()
    finally:
        connection.close()
