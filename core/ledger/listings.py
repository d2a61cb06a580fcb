"""Lists of a user's jobs and results: chosen, sorted, in pages, however many there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, or_, select, tuple_

from core.documents import CNPJ_LENGTH
from core.ledger.models import Base, Status

# Counting goes on to here: to count a million jobs takes longer than to show twenty.
COUNT_LIMIT = 10_000
EXPORT_BATCH = 1_000

_JOB = Base.metadata.tables["job"]
_RESULT = Base.metadata.tables["result"]
# The index that a list is read along decides how fast it is; ties are settled by id.
_COLUMNS = {"created": _JOB.c.id, "date": _JOB.c.date, "priority": _JOB.c.priority}
SORTS = tuple(sign + name for name in _COLUMNS for sign in ("", "-"))
NEWEST_FIRST = "-created"

_ACCENTED = "ÁÀÂÃÄÉÈÊËÍÌÎÏÓÒÔÕÖÚÙÛÜÇÑáàâãäéèêëíìîïóòôõöúùûüçñ"
_PLAIN = "aaaaaeeeeiiiiooooouuuucn" * 2
_FOLD = str.maketrans(_ACCENTED, _PLAIN)
_PUNCTUATION = str.maketrans("", "", "./- ")
MIN_CNPJ_PART = 3


@dataclass(frozen=True)
class Choice:
    """Which of a user's jobs: all that fit what is given.

    `words` are looked for in title, description and CNPJ, whatever the case and the accents;
    `since` and `until`, both included, bound the date; `import_id` is of the table they came by.
    """

    creator_id: str
    statuses: frozenset[Status] = frozenset()
    priorities: frozenset[int] = frozenset()
    words: str = ""
    since: datetime | None = None
    until: datetime | None = None
    import_id: int | None = None


@dataclass(frozen=True)
class Place:
    """Where a page of a sorted list ended: the last job's value and id."""

    value: Any
    job_id: int


def list_jobs(
    connection: Connection, choice: Choice, sort: str, limit: int, *, skip: int = 0
) -> Sequence[Row[Any]]:
    """Return jobs in the order of `sort` (one of SORTS), leaving out the first `skip`."""
    return connection.execute(_sorted(choice, sort).limit(limit).offset(skip)).all()


def list_jobs_after(
    connection: Connection, choice: Choice, sort: str, limit: int, place: Place
) -> Sequence[Row[Any]]:
    """Return the jobs that come after `place`, as fast deep in a list as at its begin."""
    column = _COLUMNS[sort.removeprefix("-")]
    here, there = tuple_(column, _JOB.c.id), tuple_(place.value, place.job_id)
    beyond = here < there if sort.startswith("-") else here > there
    return connection.execute(_sorted(choice, sort).where(beyond).limit(limit)).all()


def count_jobs(connection: Connection, choice: Choice) -> int:
    """Return how many jobs there are, COUNT_LIMIT for that many or more."""
    some = select(_JOB.c.id).where(*_conditions(choice)).limit(COUNT_LIMIT).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one()


def place_of(job: Row[Any], sort: str) -> Place:
    """Return the place right after a job in a list that is sorted so."""
    column = _COLUMNS[sort.removeprefix("-")]
    return Place(getattr(job, column.name), job.id)


def every_job(connection: Connection, choice: Choice) -> Iterator[Row[Any]]:
    """Yield all jobs of a choice, newest first, a batch at a time."""
    rows = list_jobs(connection, choice, NEWEST_FIRST, EXPORT_BATCH)
    while rows:
        yield from rows
        place = place_of(rows[-1], NEWEST_FIRST)
        rows = list_jobs_after(connection, choice, NEWEST_FIRST, EXPORT_BATCH, place)


def every_result(connection: Connection, creator_id: str, job_id: int | None) -> Iterator[Row[Any]]:
    """Yield all results of a user, or those of one of their jobs, newest first, in batches."""
    owner = _RESULT.c.creator_id == creator_id
    mine = select(_RESULT).where(owner).order_by(_RESULT.c.id.desc()).limit(EXPORT_BATCH)
    if job_id is not None:
        mine = mine.where(_RESULT.c.job_id == job_id)
    rows = connection.execute(mine).all()
    while rows:
        yield from rows
        rows = connection.execute(mine.where(_RESULT.c.id < rows[-1].id)).all()


def _sorted(choice: Choice, sort: str) -> Select[Any]:
    column = _COLUMNS[sort.removeprefix("-")]
    chosen = select(_JOB).where(*_conditions(choice))
    if sort.startswith("-"):
        return chosen.order_by(column.desc(), _JOB.c.id.desc())
    return chosen.order_by(column, _JOB.c.id)


def _conditions(choice: Choice) -> list[ColumnElement[bool]]:
    conditions = [_JOB.c.creator_id == choice.creator_id]
    if choice.statuses:
        conditions.append(_JOB.c.status.in_(sorted(choice.statuses)))
    if choice.priorities:
        conditions.append(_JOB.c.priority.in_(sorted(choice.priorities)))
    if choice.since is not None:
        conditions.append(_JOB.c.date >= choice.since)
    if choice.until is not None:
        conditions.append(_JOB.c.date <= choice.until)
    if choice.import_id is not None:
        conditions.append(_JOB.c.import_id == choice.import_id)
    if choice.words:
        conditions.append(_mentions(choice.words))
    return conditions


def _mentions(words: str) -> ColumnElement[bool]:
    plain = words.translate(_FOLD).lower()
    places: list[ColumnElement[bool]] = [
        func.lower(func.translate(column, _ACCENTED, _PLAIN)).contains(plain, autoescape=True)
        for column in (_JOB.c.title, _JOB.c.description)
    ]
    number = words.translate(_PUNCTUATION).upper()
    if MIN_CNPJ_PART <= len(number) <= CNPJ_LENGTH and number.isalnum():
        places.append(_JOB.c.cpf_cnpj.contains(number, autoescape=True))
    return or_(*places)
