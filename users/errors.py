"""What can go wrong with accounts and tokens.

UsersError
├── TakenError            another account has this e-mail or document
├── BadCredentialsError   no such account, another password, or a deactivated account
├── NotAdminError         the account is no administrator's
└── RefreshRefusedError   the refresh token was used before, revoked or has expired
"""


class UsersError(Exception):
    """Anything that users refuses."""


class TakenError(UsersError):
    """Another account has the same value in `field`."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class BadCredentialsError(UsersError):
    """The e-mail and the password do not belong together."""


class NotAdminError(UsersError):
    """The account may not enter as an administrator."""


class RefreshRefusedError(UsersError):
    """The refresh token is not valid any more; its family is revoked."""
