"""What can go wrong with a page: the errors of the two APIs, and how each is shown.

ApiError
├── RefusedError       a field is wrong: the form is shown again with the message beside it
├── UnauthorizedError  nobody is logged in, or no longer: the log-in page, then back here
├── RejectedError      the API said no (403, 404, 409, 413, 429): its message
└── UnavailableError   no answer, or one that cannot be used: try again in a moment
"""

from apiflask import APIFlask
from flask import Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from core import logs, web
from core.broker.publisher import Publisher

UNAVAILABLE = 503
SERVER_ERROR = 500

log = logs.logger(__name__)

# What to say for each status: a title, and what the person can do.
_WORDS = {
    400: ("Não deu para entender o pedido", "Volte à página anterior e tente de novo."),
    403: ("Você não tem acesso a esta página", "Ela é só de quem administra o sistema."),
    404: ("Página não encontrada", "O endereço pode ter mudado, ou a consulta foi excluída."),
    405: ("Isto não se faz por aqui", "Volte à página anterior e use os botões dela."),
    409: ("Isto já não é possível", "O estado da consulta mudou. Atualize a página para vê-lo."),
    413: ("O arquivo é grande demais", "Divida-o em partes menores e envie uma de cada vez."),
    429: ("Muitas tentativas seguidas", "Espere um pouco e tente de novo."),
    500: ("Algo deu errado do nosso lado", "Já fomos avisados. Tente de novo em instantes."),
    503: ("Voltamos já", "Uma parte do sistema não respondeu a tempo. Tente de novo em instantes."),
}


class ApiError(Exception):
    """An API did not do what was asked; the message is in Portuguese, for people."""


class RefusedError(ApiError):
    """The payload was refused; `fields` maps each field to its messages."""

    def __init__(self, message: str, fields: dict[str, list[str]]) -> None:
        super().__init__(message)
        self.fields = fields


class UnauthorizedError(ApiError):
    """The token is missing, expired or no longer good, or the password is wrong."""


class RejectedError(ApiError):
    """The API said no with this HTTP status; `retry_after` is in seconds, where it said so."""

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class UnavailableError(ApiError):
    """The API did not answer in time, or not with something that can be used."""


def configure(app: APIFlask, publisher: Publisher) -> None:
    """Make `app` answer each error with a page."""

    @app.errorhandler(RejectedError)
    def rejected(error: RejectedError) -> ResponseReturnValue:
        return page(error.status, str(error))

    @app.errorhandler(RefusedError)
    def refused(error: RefusedError) -> ResponseReturnValue:
        details = [message for messages in error.fields.values() for message in messages]
        return page(400, " ".join(details) or str(error))

    @app.errorhandler(UnavailableError)
    def unavailable(error: UnavailableError) -> ResponseReturnValue:
        log.warning("api_unavailable", reason=str(error))
        return page(UNAVAILABLE)

    @app.errorhandler(CSRFError)
    def forged(_error: CSRFError) -> ResponseReturnValue:
        return page(400, "Esta página ficou aberta por muito tempo. Recarregue-a e tente de novo.")

    @app.errorhandler(HTTPException)
    def expected(error: HTTPException) -> ResponseReturnValue:
        return page(error.code or SERVER_ERROR)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> ResponseReturnValue:
        web.report(publisher, app.import_name, error)
        return page(SERVER_ERROR)


def page(status: int, advice: str = "") -> Response:
    """Return the page of an error; without advice, the usual one for the status."""
    title, usual = _WORDS.get(status, _WORDS[400 if status < SERVER_ERROR else SERVER_ERROR])
    text = render_template(
        "error.html",
        status=status,
        title=title,
        advice=advice or usual,
        reference=web.request_id(),
        may_retry=status >= SERVER_ERROR and request.method == "GET",
    )
    return make_response(text, status)
