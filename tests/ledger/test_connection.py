"""How a process reaches the ledger: lost connections are replaced, single statements commit."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from core.ledger import connection as ledger
from core.ledger.prepared import Prepared
from core.settings import LedgerSettings

KILL = text("SELECT pg_terminate_backend(:pid, 5000)")
PID = text("SELECT pg_backend_pid()")


@contextmanager
def made(url: str, options: dict[str, Any]) -> Iterator[Engine]:
    engine = create_engine(url, **options)
    ledger.replace_closed(engine)
    yield engine
    engine.dispose()


@contextmanager
def kept(url: str, most: int, timeout_seconds: float = 5) -> Iterator[ledger.Singles]:
    with made(url, ledger.SINGLE) as engine:
        yield ledger.Singles(engine, most, timeout_seconds)


def kept_pid(singles: ledger.Singles) -> int:
    with singles.lend() as connection:
        return int(connection.execute(PID).scalar_one())


def pid(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(PID).scalar_one())


@pytest.mark.parametrize("options", [{}, ledger.SINGLE])
def test_a_connection_that_the_server_closed_is_replaced_unnoticed(
    database_url: str, options: dict[str, Any]
) -> None:
    with made(database_url, options) as engine, made(database_url, {}) as other:
        before = pid(engine)
        with other.connect() as killer:
            assert killer.execute(KILL, {"pid": before}).scalar_one()
        assert pid(engine) != before


def test_a_connection_that_lives_is_used_again(database_url: str) -> None:
    with made(database_url, {}) as engine:
        assert len({pid(engine) for _ in range(3)}) == 1


@pytest.mark.parametrize("single", [True, False])
def test_a_kept_connection_is_used_again_and_a_lost_one_replaced(
    database_url: str, *, single: bool
) -> None:
    settings = LedgerSettings(database_url=SecretStr(database_url))
    kept = ledger.Kept(settings, "test", single=single)

    def own_pid() -> int:
        with kept.begin() as connection:
            # As the loops do that keep one: prepared statements are not SQLAlchemy's.
            (row,) = Prepared("pid", "SELECT pg_backend_pid() AS pid WHERE :n = 1", n="int").run(
                connection, {"n": 1}
            )
            return int(row.pid)

    before = own_pid()
    assert own_pid() == before
    with made(database_url, {}) as other, other.connect() as killer:
        assert killer.execute(KILL, {"pid": before}).scalar_one()
    with pytest.raises(ledger.ERRORS) as lost:
        own_pid()
    assert ledger.is_lost(lost.value)
    assert own_pid() != before
    kept.close()


def test_what_fails_on_a_kept_connection_is_undone_and_it_goes_on(database_url: str) -> None:
    settings = LedgerSettings(database_url=SecretStr(database_url))
    kept = ledger.Kept(settings, "test")

    def fail() -> None:
        with kept.begin() as connection:
            connection.execute(text("INSERT INTO preference (creator_id) VALUES ('maria')"))
            connection.execute(text("SELECT 1 / 0"))

    with pytest.raises(ledger.ERRORS):
        fail()
    with kept.begin() as connection:
        assert not connection.execute(text("SELECT creator_id FROM preference")).all()
    kept.close()


def test_a_single_statement_stays_without_a_commit(database_url: str) -> None:
    insert = text("INSERT INTO preference (creator_id) VALUES ('maria')")
    with made(database_url, ledger.SINGLE) as engine, made(database_url, {}) as other:
        with engine.connect() as connection:
            connection.execute(insert)
        with other.connect() as reader:
            assert reader.execute(text("SELECT creator_id FROM preference")).scalars().all()


@pytest.mark.parametrize("durable", [True, False])
def test_only_an_engine_that_need_not_be_durable_lets_its_commits_wait(
    database_url: str, *, durable: bool
) -> None:
    settings = LedgerSettings(database_url=SecretStr(database_url))
    # What the server's own setting is depends on how it was started.
    chosen = text("""
        SELECT setting FROM pg_settings WHERE name = 'synchronous_commit' AND source = 'client'""")
    engine = ledger.engine(settings, "test", durable=durable)
    with engine.connect() as connection:
        assert connection.execute(chosen).scalars().all() == ([] if durable else ["off"])
    engine.dispose()


def test_a_kept_connection_is_lent_again_and_replaced_when_the_server_closed_it(
    database_url: str,
) -> None:
    with kept(database_url, 2) as singles, made(database_url, {}) as other:
        before = kept_pid(singles)
        assert kept_pid(singles) == before
        with other.connect() as killer:
            assert killer.execute(KILL, {"pid": before}).scalar_one()
        assert kept_pid(singles) != before


def test_a_kept_connection_that_is_lost_in_use_is_replaced_at_the_next(database_url: str) -> None:
    with kept(database_url, 1) as singles, made(database_url, {}) as other:
        with singles.lend() as connection, other.connect() as killer:
            lost = connection.execute(PID).scalar_one()
            assert killer.execute(KILL, {"pid": lost}).scalar_one()
            with pytest.raises(OperationalError):
                connection.execute(PID)
        assert kept_pid(singles) != lost


def test_a_kept_connection_comes_back_from_a_refused_statement(database_url: str) -> None:
    with kept(database_url, 1) as singles:
        before = kept_pid(singles)
        with pytest.raises(ProgrammingError), singles.lend() as connection:
            connection.execute(text("SELECT nothing"))
        assert kept_pid(singles) == before


def test_what_cannot_connect_is_tried_again_at_the_next_use(database_url: str) -> None:
    url = make_url(database_url)
    allow = f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS"
    elsewhere = url.set(database="postgres").render_as_string(hide_password=False)
    with kept(database_url, 1) as singles, made(elsewhere, ledger.SINGLE) as other:
        before = kept_pid(singles)
        with other.connect() as killer:
            killer.execute(text(f"{allow} false"))
            assert killer.execute(KILL, {"pid": before}).scalar_one()
            for _ in range(2):
                with pytest.raises(OperationalError):
                    kept_pid(singles)
            killer.execute(text(f"{allow} true"))
        assert kept_pid(singles) != before


def test_no_more_connections_are_kept_than_were_allowed(database_url: str) -> None:
    with (
        kept(database_url, 1, timeout_seconds=0.01) as singles,
        singles.lend(),
        pytest.raises(PoolTimeoutError),
    ):
        kept_pid(singles)
