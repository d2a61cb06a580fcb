"""What workers, mailers and dispatchers tell of themselves: that they are there."""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, text

# One that has been silent for so long is forgotten.
REMEMBER_SECONDS = 3_600


@dataclass(frozen=True)
class Worker:
    """A process that has no HTTP port; `slots` is how many things it does at once."""

    name: str
    kind: str
    host: str
    slots: int


_SEEN = text(f"""
    WITH forgotten AS (
        DELETE FROM worker_seen WHERE seen_at < now() - make_interval(secs => {REMEMBER_SECONDS})
            AND name <> :name
    )
    INSERT INTO worker_seen (name, kind, host, slots) VALUES (:name, :kind, :host, :slots)
    ON CONFLICT (name) DO UPDATE SET seen_at = now()
""")

_LEFT = text("DELETE FROM worker_seen WHERE name = :name")


def note_seen(connection: Connection, worker: Worker) -> None:
    """Note that a worker is there now; forget those that have not been for an hour."""
    connection.execute(_SEEN, asdict(worker))


def note_left(connection: Connection, name: str) -> None:
    """Forget a worker that ends in good order."""
    connection.execute(_LEFT, {"name": name})
