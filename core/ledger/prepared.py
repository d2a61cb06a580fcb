"""Statements that PostgreSQL reads and plans once for each connection, not once for each use.

For what is asked hundreds of times a second: reading and planning a statement of several parts
takes the server longer than doing it. For one that looks for rows use a connection of
`connection.engine` with `by_index`: a plan that is kept must not depend on how few rows there were
when it was made.

The driver's cursor is used directly, in the transaction of the connection: what SQLAlchemy does
around a statement costs more than the driver's part.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg2
from sqlalchemy import Connection

MakeRow = Callable[[Sequence[Any]], Any]


class Prepared:
    """One statement that returns rows; `types` tells PostgreSQL's type of each `:name` in it.

    Nothing else in the statement may look like one of these names after a colon.
    """

    def __init__(self, name: str, statement: str, **types: str) -> None:
        self._name = name
        place = {value: f"${number}" for number, value in enumerate(types, 1)}
        numbered = re.sub(
            rf"(?<!:):({'|'.join(types)})\b", lambda found: place[found[1]], statement
        )
        self._prepare = f"PREPARE {name} ({', '.join(types.values())}) AS {numbered}"
        self._execute = f"EXECUTE {name} ({', '.join(f'%({value})s' for value in types)})"

    def run(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Any]:
        """Run the statement and return its rows, as named tuples.

        Raises psycopg2.Error; OperationalError when the connection is lost.
        """
        cursor = connection.connection.cursor()
        try:
            known = self._make_known(connection, cursor)
            cursor.execute(self._execute, values)
            row = known[self._name]
            if row is None:
                row = known[self._name] = _row(column[0] for column in cursor.description)
            return [row(found) for found in cursor.fetchall()]
        except psycopg2.Error as exc:
            if not connection.dialect.is_disconnect(exc, cursor.connection, cursor):  # type: ignore[arg-type]
                raise
            connection.invalidate(exc)
            raise psycopg2.OperationalError("the connection was lost") from exc
        finally:
            cursor.close()

    def _make_known(self, connection: Connection, cursor: Any) -> dict[str, MakeRow | None]:
        """Return what is prepared on the connection, with the kind of its rows where it has run."""
        # Forgotten by SQLAlchemy together with the connection to the server.
        known: dict[str, MakeRow | None] = connection.info.setdefault("prepared", {})
        if self._name not in known:
            cursor.execute(self._prepare)
            known[self._name] = None
        return known


def _row(columns: Iterable[str]) -> MakeRow:
    make: MakeRow = NamedTuple("Row", [(column, Any) for column in columns])._make
    return make
