"""Statements that PostgreSQL reads and plans once for each connection, not once for each use.

For what a worker asks hundreds of times a second: reading and planning a statement of several
parts takes the server longer than doing it. Use a connection of `connection.engine` with
`by_index`: a plan that is kept must not depend on how few rows there were when it was made.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row


class Prepared:
    """One statement, its values written as `:name`; `types` tells PostgreSQL's type of each.

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

    def run(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """Run the statement and return its rows."""
        # Forgotten by SQLAlchemy together with the connection to the server.
        known = connection.info.setdefault("prepared", set())
        if self._name not in known:
            connection.exec_driver_sql(self._prepare.replace("%", "%%"), {})
            known.add(self._name)
        return connection.exec_driver_sql(self._execute, dict(values)).all()
