"""What the workers do with a source's health: ask for leave, and tell how it went.

One row per source, shared by all workers. The limit is a log of the last questions: a question is
let through when the one `per_minute` questions ago is a minute old, so that no minute, wherever it
begins, sees more. A row lock makes it exact among any number of workers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

# A little more than the minute of the limits: requests do not all travel equally fast.
WINDOW_SECONDS = 61
# After so many failures in a row a source is left alone, each time twice as long.
FAILURES_TO_OPEN = 5
FIRST_OPEN_SECONDS = 30
LONGEST_OPEN_SECONDS = 600
# The time constant with which counts fade.
MEMORY_SECONDS = 600


@dataclass(frozen=True)
class Leave:
    """Whether a source may be asked now; if not, in how many seconds to come again.

    `failing` tells that its circuit breaker is not closed.
    """

    granted: bool
    wait: float = 0.0
    failing: bool = False


_REGISTER = text("""
    INSERT INTO source_health (name, per_minute)
    SELECT * FROM unnest(CAST(:names AS text[]), CAST(:limits AS integer[]))
    ON CONFLICT (name) DO UPDATE SET per_minute = excluded.per_minute
    WHERE source_health.per_minute <> excluded.per_minute
""")

# The statement's clock, not the transaction's: a wait for the row lock takes time too.
_ADMIT = text(f"""
    UPDATE source_health SET
        admitted = CASE WHEN per_minute = 0 THEN admitted ELSE
            (admitted || clock_timestamp())[greatest(cardinality(admitted) + 2 - per_minute, 1):]
        END,
        trial_until = CASE WHEN open_until IS NOT NULL
            THEN clock_timestamp() + make_interval(secs => :trial_seconds) END
    WHERE name = :name
        AND coalesce(greatest(paused_until, open_until, trial_until), '-infinity')
            <= clock_timestamp()
        AND (per_minute = 0 OR cardinality(admitted) < per_minute
            OR admitted[cardinality(admitted) - per_minute + 1]
                <= clock_timestamp() - make_interval(secs => {WINDOW_SECONDS}))
    RETURNING open_until IS NOT NULL AS failing
""")

_WAIT = text(f"""
    SELECT open_until IS NOT NULL AS failing,
        extract(epoch FROM greatest(
            paused_until, open_until, trial_until,
            CASE WHEN per_minute > 0 AND cardinality(admitted) >= per_minute
                THEN admitted[cardinality(admitted) - per_minute + 1]
                    + make_interval(secs => {WINDOW_SECONDS}) END
        ) - clock_timestamp()) AS seconds
    FROM source_health WHERE name = :name
""")

_FADE = f"exp(-greatest(extract(epoch FROM now() - counted_at), 0) / {MEMORY_SECONDS}.0)"

_SUCCEEDED = text(f"""
    UPDATE source_health SET
        asked = asked * {_FADE} + :count,
        failed = failed * {_FADE},
        seconds = seconds * {_FADE} + :seconds,
        counted_at = now(), last_success_at = now(),
        failures = 0, openings = 0, open_until = NULL, trial_until = NULL
    WHERE name = :name
""")

# The breaker opens after failures in a row, and again when the trial fails. Those that were asked
# before it opened may still fail: they neither prolong the rest nor double it.
_OPENS = f"""coalesce(open_until <= now(), failures + 1 >= {FAILURES_TO_OPEN})"""

_FAILED = text(f"""
    UPDATE source_health SET
        asked = asked * {_FADE} + 1,
        failed = failed * {_FADE} + 1,
        seconds = seconds * {_FADE} + :seconds,
        counted_at = now(), last_error = :code, last_error_at = now(),
        failures = failures + 1,
        openings = openings + CAST({_OPENS} AS integer),
        open_until = CASE WHEN {_OPENS} THEN now() + make_interval(secs => least(
            {FIRST_OPEN_SECONDS} * power(2, least(openings, 10)), {LONGEST_OPEN_SECONDS}))
            ELSE open_until END,
        trial_until = CASE WHEN {_OPENS} THEN NULL ELSE trial_until END
    WHERE name = :name
""")

_PAUSED = text(f"""
    UPDATE source_health SET
        asked = asked * {_FADE} + 1,
        failed = failed * {_FADE} + 1,
        seconds = seconds * {_FADE} + :seconds,
        counted_at = now(), last_error = :code, last_error_at = now(),
        trial_until = NULL,
        paused_until = greatest(paused_until, now() + make_interval(secs => :pause_seconds))
    WHERE name = :name
""")

_UNWELL = text("""
    SELECT name FROM source_health
    WHERE failures > 0 OR open_until IS NOT NULL OR paused_until > now()
""")


def register(connection: Connection, limits: Mapping[str, int]) -> None:
    """Make the rows of sources, by name, with how often a minute they may be asked (0: always)."""
    connection.execute(_REGISTER, {"names": list(limits), "limits": list(limits.values())})


def admit(connection: Connection, name: str, trial_seconds: float) -> Leave:
    """Ask for leave to ask a source once.

    While its breaker is open but due, one asks on trial and the others wait until it has told how
    it went, at most `trial_seconds`.
    """
    granted = connection.execute(_ADMIT, {"name": name, "trial_seconds": trial_seconds}).first()
    if granted is not None:
        return Leave(granted=True, failing=granted.failing)
    refused = connection.execute(_WAIT, {"name": name}).one()
    return Leave(granted=False, wait=max(float(refused.seconds or 0), 0.0), failing=refused.failing)


def succeeded(connection: Connection, name: str, count: int, seconds: float) -> None:
    """Tell of `count` answers that together took `seconds`: the breaker closes."""
    connection.execute(_SUCCEEDED, {"name": name, "count": count, "seconds": seconds})


def failed(connection: Connection, name: str, code: str, seconds: float) -> None:
    """Tell of a failure after `seconds`; the breaker may open."""
    told = {"name": name, "code": code, "seconds": seconds}
    connection.execute(_FAILED, told)


def paused(
    connection: Connection, name: str, code: str, seconds: float, pause_seconds: float
) -> None:
    """Tell that the source asked for a pause: nobody asks it for `pause_seconds`."""
    told = {"name": name, "code": code, "seconds": seconds, "pause_seconds": pause_seconds}
    connection.execute(_PAUSED, told)


def unwell(connection: Connection) -> frozenset[str]:
    """Return the names of the sources that failed last, are paused or have an open breaker."""
    return frozenset(connection.execute(_UNWELL).scalars())
