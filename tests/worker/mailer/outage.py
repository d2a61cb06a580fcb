"""A database that is away, for one test alone."""

from sqlalchemy import Engine, create_engine, make_url, text


def cut_off(ledger: Engine) -> None:
    """Make the test's database refuse everyone, as one that is away does."""
    _administer(ledger, "ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    _administer(
        ledger, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    )


def let_in(ledger: Engine) -> None:
    _administer(ledger, "ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def _administer(ledger: Engine, statement: str) -> None:
    url = make_url(ledger.url)
    ledger.dispose()
    server = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(statement.format(name=url.database)))
    server.dispose()
