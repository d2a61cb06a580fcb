"""What can go wrong with accounts and tokens, and how each is answered.

UsersError
├── TakenError            another account has this e-mail or document
├── BadCredentialsError   no such account, another password, or a deactivated account
├── NotAdminError         the account is no administrator's
├── WrongPasswordError    the present password, asked for again, is another one
├── BadLinkError          the reset link was used, has expired or never existed
├── NoAccountError        there is no such account
├── OwnRightsError        an administrator may not take away their own rights
├── RefreshRefusedError   the refresh token was used before, revoked or has expired
└── LockedKeysError       KEYS_PASSPHRASE does not open the signing keys
"""

from collections.abc import Iterable

from apiflask import APIFlask
from flask import Response
from pymongo.errors import PyMongoError

from core import logs, web

UNPROCESSABLE = 422
UNAVAILABLE = 503

log = logs.logger(__name__)


class UsersError(Exception):
    """Anything that users refuses."""


class TakenError(UsersError):
    """Another account has the same values in `fields`."""

    def __init__(self, fields: Iterable[str]) -> None:
        self.fields = tuple(fields)
        super().__init__(", ".join(self.fields))


class BadCredentialsError(UsersError):
    """The e-mail and the password do not belong together."""


class NotAdminError(UsersError):
    """The account may not enter as an administrator."""


class WrongPasswordError(UsersError):
    """What was typed as the present password is not it."""


class BadLinkError(UsersError):
    """The reset link is not valid any more; ask for another one."""


class NoAccountError(UsersError):
    """There is no such account."""


class OwnRightsError(UsersError):
    """Administrators deactivate or demote one another, not themselves: one is always left."""


class RefreshRefusedError(UsersError):
    """The refresh token is not valid any more; its family is revoked."""


class LockedKeysError(UsersError):
    """KEYS_PASSPHRASE is not the one with which the keys in `signing_keys` were encrypted.

    Give it its former value; or, should that be lost, remove the collection: new keys are made and
    everybody has to log in again.
    """


_TAKEN = {
    "email": "Já existe uma conta com este e-mail.",
    "cpf_cnpj": "Já existe uma conta com este CPF ou CNPJ.",
}
_ANSWERS: dict[type[UsersError], tuple[int, str]] = {
    BadCredentialsError: (401, "E-mail ou senha incorretos."),
    NotAdminError: (403, "Esta conta não é de administrador."),
    NoAccountError: (404, "Conta não encontrada."),
    OwnRightsError: (409, "Você não pode desativar nem rebaixar a sua própria conta."),
    RefreshRefusedError: (401, "A sessão terminou. Entre de novo."),
}


def register(app: APIFlask) -> None:
    """Make `app` answer what is refused, and a database that is away."""
    app.register_error_handler(TakenError, _taken)
    app.register_error_handler(WrongPasswordError, _wrong_password)
    app.register_error_handler(BadLinkError, _bad_link)
    for kind in _ANSWERS:
        app.register_error_handler(kind, _refused)
    app.register_error_handler(PyMongoError, _database_away)


def _taken(error: TakenError) -> Response:
    return web.refuse(UNPROCESSABLE, errors={field: [_TAKEN[field]] for field in error.fields})


def _wrong_password(_error: WrongPasswordError) -> Response:
    return web.refuse(
        UNPROCESSABLE, errors={"current_password": ["Informe a senha atual correta."]}
    )


def _bad_link(_error: BadLinkError) -> Response:
    message = "O link já foi usado ou expirou. Peça outro."
    return web.refuse(UNPROCESSABLE, errors={"token": [message]})


def _refused(error: UsersError) -> Response:
    status, message = _ANSWERS[type(error)]
    return web.refuse(status, message)


def _database_away(error: PyMongoError) -> Response:
    log.warning("database_unavailable", error=type(error).__name__)
    return web.refuse(UNAVAILABLE)
