"""Lists of a user's jobs and results: chosen, sorted, in pages, however many there are."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    Select,
    Text,
    bindparam,
    func,
    or_,
    select,
    tuple_,
)

from core.documents import CNPJ_LENGTH
from core.ledger.models import Base, Status
from core.ledger.queries import JOB_COLUMNS
from core.remembered import Remembered

# Counting goes on to here: to count a million jobs takes longer than to show twenty.
COUNT_LIMIT = 10_000
MANY_SECONDS = 60.0
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


# Which choices of which database are known to have COUNT_LIMIT jobs.
_many = Remembered[tuple[str | None, Choice], int](MANY_SECONDS, most=1_000)


@dataclass(frozen=True)
class Place:
    """Where a page of a sorted list ended: the last job's value and id."""

    value: Any
    job_id: int


def list_jobs(
    connection: Connection, choice: Choice, sort: str, limit: int, *, skip: int = 0
) -> Sequence[Row[Any]]:
    """Return jobs in the order of `sort` (one of SORTS), leaving out the first `skip`."""
    return _read(connection, choice, sort, {"limit": limit, "skip": skip})


def list_jobs_after(
    connection: Connection, choice: Choice, sort: str, limit: int, place: Place
) -> Sequence[Row[Any]]:
    """Return the jobs that come after `place`, as fast deep in a list as at its begin."""
    return _read(connection, choice, sort, {"limit": limit, "skip": 0, **asdict(place)})


def list_and_count(
    connection: Connection,
    choice: Choice,
    sort: str,
    limit: int,
    *,
    skip: int = 0,
    place: Place | None = None,
) -> tuple[Sequence[Row[Any]], int]:
    """Return jobs as the two above do, and how many `count_jobs` counts, in one statement.

    Of a choice that had COUNT_LIMIT jobs it is taken for granted for MANY_SECONDS that it has.
    """
    page = {"limit": limit, "skip": skip} | (asdict(place) if place else {})
    key = (connection.engine.url.database, choice)
    if _many.get(key) is not None:
        return _read(connection, choice, sort, page), COUNT_LIMIT
    rows = _read(connection, choice, sort, page, counted=True)
    total = rows[0].total if rows else count_jobs(connection, choice)
    if total >= COUNT_LIMIT:
        _many.put(key, total)
    return rows, total


def count_jobs(connection: Connection, choice: Choice) -> int:
    """Return how many jobs there are, COUNT_LIMIT for that many or more."""
    values = _given(choice)
    return connection.execute(select(_total(tuple(values))), values).scalar_one()


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


def _read(
    connection: Connection,
    choice: Choice,
    sort: str,
    page: dict[str, Any],
    *,
    counted: bool = False,
) -> Sequence[Row[Any]]:
    given = _given(choice)
    statement = _listing(tuple(given), sort, after="job_id" in page, counted=counted)
    return connection.execute(statement, given | page).all()


# A statement is built once for each combination of what is given, and its values are bound to it.
@lru_cache(maxsize=500)
def _listing(names: tuple[str, ...], sort: str, *, after: bool, counted: bool) -> Select[Any]:
    column = _COLUMNS[sort.removeprefix("-")]
    is_falling = sort.startswith("-")
    chosen = select(*JOB_COLUMNS).where(*_conditions(names))
    if counted:
        chosen = chosen.add_columns(_total(names).label("total"))
    if after:
        here = tuple_(column, _JOB.c.id)
        there = tuple_(bindparam("value", type_=column.type), bindparam("job_id"))
        chosen = chosen.where(here < there if is_falling else here > there)
    order = (column.desc(), _JOB.c.id.desc()) if is_falling else (column, _JOB.c.id)
    return chosen.order_by(*order).limit(bindparam("limit")).offset(bindparam("skip"))


@lru_cache(maxsize=100)
def _total(names: tuple[str, ...]) -> ScalarSelect[int]:
    some = select(_JOB.c.id).where(*_conditions(names)).limit(COUNT_LIMIT).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def _conditions(names: tuple[str, ...]) -> list[ColumnElement[bool]]:
    return [_CONDITIONS[name] for name in names if name in _CONDITIONS]


def _given(choice: Choice) -> dict[str, Any]:
    """Return what a choice gives, by the names of _CONDITIONS and what they are made of."""
    given: dict[str, Any] = {"creator": choice.creator_id}
    if choice.statuses:
        given["statuses"] = sorted(choice.statuses)
    if choice.priorities:
        given["priorities"] = sorted(choice.priorities)
    if choice.since is not None:
        given["since"] = choice.since
    if choice.until is not None:
        given["until"] = choice.until
    if choice.import_id is not None:
        given["import_id"] = choice.import_id
    if choice.words:
        given["words"] = _escaped(choice.words.translate(_FOLD).lower())
        number = choice.words.translate(_PUNCTUATION).upper()
        is_part = MIN_CNPJ_PART <= len(number) <= CNPJ_LENGTH and number.isalnum()
        given["number"] = number if is_part else None
    return given


def _escaped(text: str) -> str:
    """Return a text as LIKE looks for it literally, with `/` to escape by."""
    return text.replace("/", "//").replace("%", "/%").replace("_", "/_")


def _mentions(column: ColumnElement[str]) -> ColumnElement[bool]:
    plain = func.lower(func.translate(column, _ACCENTED, _PLAIN))
    return plain.contains(bindparam("words", type_=Text), escape="/")


_CONDITIONS: dict[str, ColumnElement[bool]] = {
    "creator": _JOB.c.creator_id == bindparam("creator"),
    "statuses": _JOB.c.status.in_(bindparam("statuses", expanding=True)),
    "priorities": _JOB.c.priority.in_(bindparam("priorities", expanding=True)),
    "since": _JOB.c.date >= bindparam("since"),
    "until": _JOB.c.date <= bindparam("until"),
    "import_id": _JOB.c.import_id == bindparam("import_id"),
    "words": or_(
        _mentions(_JOB.c.title),
        _mentions(_JOB.c.description),
        _JOB.c.cpf_cnpj.contains(bindparam("number")),
    ),
}
