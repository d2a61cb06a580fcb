"""How a process reaches the ledger's database."""

import select
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue
from typing import Any

import psycopg2
import psycopg2.extensions
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from core.settings import LedgerSettings

CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_MS = 30_000
# What was sent is acknowledged by then, or the connection is lost; Linux alone waits 15 minutes.
UNACKNOWLEDGED_MS = 25_000
# Loops over few rows at a time find them by index, whatever the tables hold or held. Bitmaps would
# read the dead entries of a busy index again each time until a vacuum comes; plain scans mark them.
_BY_INDEX = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "plan_cache_mode": "force_generic_plan",
        "enable_seqscan": "off",
        "enable_bitmapscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
        "jit": "off",
    }.items()
)

# What `create_engine` takes for transactions of one statement: PostgreSQL begins and commits those
# by itself, which spares two round trips. They have connections of their own, since switching one
# between the modes costs as many.
SINGLE: dict[str, Any] = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}

# PostgreSQL channels: the ledger tells on them that there is work.
JOB_CHANNEL = "ledger_job"
MAIL_CHANNEL = "ledger_mail"

# SQLAlchemy passes on the driver's own error when a connection that returns to the pool is dead.
ERRORS = (DBAPIError, psycopg2.Error)
_LOST = (
    OperationalError,
    InterfaceError,
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
)


def options(name: str) -> dict[str, Any]:
    """Return psycopg2's connection arguments, every timeout set; `name` is shown by PostgreSQL."""
    return {
        "application_name": name,
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": UNACKNOWLEDGED_MS,
        "options": f"-c timezone=UTC -c statement_timeout={STATEMENT_TIMEOUT_MS}"
        f" -c idle_in_transaction_session_timeout={STATEMENT_TIMEOUT_MS}",
    }


def engine(
    settings: LedgerSettings,
    name: str,
    pool_size: int = 1,
    *,
    checked: bool = True,
    by_index: bool = False,
    single: bool = False,
    durable: bool = True,
) -> Engine:
    """Make an engine with a pool of `pool_size` connections.

    Each use of a connection begins with a round trip to see that it lives, unless `checked` is
    False: that is for loops that meet a lost connection by trying again anyway. With `by_index`
    PostgreSQL plans for few rows of large tables: that is for `prepared` statements. With `single`
    each statement is a transaction of its own. Without `durable` a commit does not wait for the
    disk, and a crash of PostgreSQL may undo those of its last second, in order: that is for what is
    done again then.
    """
    arguments = options(name)
    if by_index:
        arguments["options"] += f" {_BY_INDEX}"
    if not durable:
        arguments["options"] += " -c synchronous_commit=off"
    return create_engine(
        settings.database_url.get_secret_value(),
        connect_args=arguments,
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=checked,
        # What a statement holds is people's data and must not reach a log.
        hide_parameters=True,
        **(SINGLE if single else {}),
    )


class Kept:
    """One connection that is kept, for a loop of one thread that must be quick.

    Taking a connection from an engine's pool and giving it back costs as much as a small statement.
    `single` and `durable` are those of `engine`; the loop meets a lost connection by trying again,
    and its statements find few rows.
    """

    def __init__(
        self, settings: LedgerSettings, name: str, *, single: bool = False, durable: bool = True
    ) -> None:
        self._engine = engine(
            settings, name, checked=False, by_index=True, single=single, durable=durable
        )
        self._connection: Connection | None = None

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Give the connection for a transaction, as `Engine.begin` does; a lost one is replaced."""
        if self._connection is None:
            self._connection = self._engine.connect()
        with self._connection.begin():
            yield self._connection

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()


def replace_closed(engine: Engine) -> None:
    """Give out no connection that the server has closed, but a new one in its place.

    A server has nothing to say on a connection that waits in the pool, unless that it ends it:
    looking whether there is something to read takes a microsecond, asking a round trip.
    """
    event.listen(engine, "checkout", _require_open)


def _require_open(connection: Any, _record: Any, _proxy: Any) -> None:
    if not _is_open(connection):
        raise DisconnectionError("the server has closed this connection")


def _is_open(connection: Any) -> bool:
    if connection.closed:
        return False
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    return not waiting.poll(0)


class Singles:
    """Connections of an engine (with SINGLE) that stay open between their uses, `most` of them.

    For what is asked hundreds of times a second: to take a connection out of SQLAlchemy's pool and
    to put it back takes longer than the driver needs for a statement. Safe from any thread.
    """

    def __init__(self, engine: Engine, most: int, timeout_seconds: float) -> None:
        self._engine = engine
        self._timeout_seconds = timeout_seconds
        # Those that are open come first; None stands for one that is not.
        self._idle: LifoQueue[Connection | None] = LifoQueue()
        for _ in range(most):
            self._idle.put(None)

    @contextmanager
    def lend(self) -> Iterator[Connection]:
        """Give a connection meanwhile; raises PoolTimeoutError when none is free in time."""
        try:
            connection = self._idle.get(timeout=self._timeout_seconds)
        except Empty:
            raise PoolTimeoutError("all connections are in use") from None
        try:
            connection = self._ready(connection)
            yield connection
        finally:
            self._idle.put(connection)

    def _ready(self, kept: Connection | None) -> Connection:
        if kept is None:
            return self._engine.connect()
        if not _lives(kept):
            kept.close()
            return self._engine.connect()
        # SQLAlchemy takes all that it executed before for one transaction.
        kept.rollback()
        return kept


def _lives(connection: Connection) -> bool:
    if connection.closed or connection.invalidated:
        return False
    return _is_open(connection.connection.dbapi_connection)


def is_lost(error: Exception) -> bool:
    """Tell whether one of ERRORS is about the connection, and says nothing of what was asked.

    psycopg2 raises a bare DatabaseError or an InterfaceError, too, when the server dies meanwhile.
    """
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, _LOST)


class Listener:
    """Waits for notifications of the ledger (PostgreSQL LISTEN) on a connection of its own."""

    def __init__(self, settings: LedgerSettings, name: str, channels: Iterable[str]) -> None:
        url = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql")
        self._dsn = url.render_as_string(hide_password=False)
        self._options = options(name)
        self._channels = tuple(channels)
        self._connection: psycopg2.extensions.connection | None = None

    def wait(self, seconds: float) -> bool:
        """Wait at most `seconds` for a notification and tell whether one came.

        Connects when needed, and returns True right after connecting since something may have
        been missed. Raises psycopg2.OperationalError while the database is away.
        """
        if self._connection is None:
            self._connect()
            return True
        connection = self._connection
        try:
            select.select([connection], [], [], max(seconds, 0))
            connection.poll()
        except (psycopg2.Error, ValueError):
            self.close()
            raise psycopg2.OperationalError("the listening connection was lost") from None
        came = bool(connection.notifies)
        connection.notifies.clear()
        return came

    def close(self) -> None:
        """Close the connection; the next `wait` opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> None:
        connection = psycopg2.connect(self._dsn, **self._options)
        connection.autocommit = True
        with connection.cursor() as cursor:
            for channel in self._channels:
                cursor.execute(f"LISTEN {channel}")
        self._connection = connection
