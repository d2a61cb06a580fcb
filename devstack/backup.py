"""A backup of a home in one folder, and the way back.

`ledger.dump` is PostgreSQL's own format, `accounts.jsonl.gz` holds MongoDB's documents as Extended
JSON, `secrets` what opens them; `manifest.json` names each file with its digest. What waits at the
broker is in the ledger too, so it needs none.
"""

import gzip
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pymongo
from bson import json_util
from psycopg2 import sql

from devstack import mongo, postgres, services
from devstack.process import DevstackError
from devstack.servers import stop_together
from devstack.stack import Stack, create_database

LEDGER = "ledger.dump"
ACCOUNTS = "accounts.jsonl.gz"
SECRETS = "secrets"
MANIFEST = "manifest.json"
MONGO_DATABASE = "users"
# The database that takes a dump until it is whole.
DRAFT = "restoring"
COUNT_JOBS = "SELECT count(*) FROM job"
# The workers that held these are no more, so nobody need wait for a sign of life from them.
END_LEASES = "UPDATE run SET lease_until = now() WHERE lease_until > now()"
SECONDS = 3600
BATCH = 1000

Documents = pymongo.database.Database[dict[str, Any]]


@dataclass(frozen=True)
class Contents:
    """How much there is of what nobody wants to lose."""

    jobs: int
    accounts: int

    def __str__(self) -> str:
        return f"{self.jobs} jobs and {self.accounts} accounts"


NOTHING = Contents(0, 0)


def folder_of(home: Path) -> Path:
    """Return the folder of a home's backups."""
    return home / "backups"


def newest(home: Path) -> Path:
    """Return the newest backup of a home.

    Raises:
        DevstackError: there is none.
    """
    found = sorted(path.parent for path in folder_of(home).glob(f"*/{MANIFEST}"))
    if not found:
        raise DevstackError(f"There is no backup in {folder_of(home)}. Make one: make backup")
    return found[-1]


def make(stack: Stack) -> Path:
    """Back a home up, whether it runs or not, and return the folder.

    Only its owner can read it, since it holds the secrets.

    Raises:
        DevstackError: a database could not be read.
    """
    made = datetime.now(UTC)
    folder = folder_of(stack.home) / f"{made:%Y%m%dT%H%M%SZ}"
    draft = folder.with_suffix(".part")
    draft.mkdir(mode=0o700, parents=True)
    try:
        with _databases(stack):
            _run("pg_dump", stack.home, "-Fc", "-f", str(draft / LEDGER), services.DATABASE)
            with _accounts(stack) as database:
                _write(database, draft / ACCOUNTS)
            contents = _contents(stack)
        shutil.copytree(stack.home / SECRETS, draft / SECRETS)
        manifest = {"made": made.isoformat(), **vars(contents), "files": _digests(draft)}
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=2))
    except BaseException:
        shutil.rmtree(draft)
        raise
    return draft.rename(folder)


def verify(folder: Path) -> Contents:
    """Return what a backup holds.

    Raises:
        DevstackError: it is no backup, or not as it was made.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        contents = Contents(manifest["jobs"], manifest["accounts"])
        files = dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DevstackError(f"{folder} is no backup: {MANIFEST} cannot be read.") from error
    if files != (found := _digests(folder)):
        differ = sorted(name for name, _ in files.items() ^ found.items())
        raise DevstackError(f"{folder} is damaged: {', '.join(sorted(set(differ)))}.")
    return contents


def check(stack: Stack, folder: Path, *, force: bool = False) -> Contents:
    """Return what the home holds that a restore would give up; changes nothing.

    Raises:
        DevstackError: the backup is damaged, the suite runs, or the home is not empty and `force`
            does not say that it may be lost.
    """
    verify(folder)
    if stack.runs():
        raise DevstackError("The suite runs. Stop it first: make down")
    there = _present(stack)
    if there != NOTHING and not force:
        raise DevstackError(
            f"{stack.home} holds {there}, which would be lost. Back them up (make backup), then "
            "say so: make restore FORCE=1"
        )
    return there


def restore(stack: Stack, folder: Path) -> None:
    """Make a home hold what a backup holds, whatever it held: see `check` first.

    What is there goes only when PostgreSQL has taken the whole dump.

    Raises:
        DevstackError: a database refused its part.
    """
    documents = list(_read(folder / ACCOUNTS))
    with _databases(stack):
        _fill_draft(stack.home, folder / LEDGER)
        with _accounts(stack) as database:
            _replace(database, documents)
        _take_draft(stack.home)
    shutil.copytree(folder / SECRETS, stack.home / SECRETS, dirs_exist_ok=True)


def _present(stack: Stack) -> Contents:
    # No database is made in a home that has never run.
    if not (stack.home / "postgres" / "data" / "PG_VERSION").exists():
        return NOTHING
    with _databases(stack):
        return _contents(stack)


@contextmanager
def _databases(stack: Stack) -> Iterator[None]:
    """Let both databases run, and stop those that did not."""
    programs = [stack.program(name) for name in ("postgres", "mongo")]
    started = [program for program in programs if program.process() is None]
    try:
        for program in programs:
            program.start()
        yield
    finally:
        stop_together(started)


@contextmanager
def _accounts(stack: Stack) -> Iterator[Documents]:
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
        mongo.url(stack.ports["mongo"]), tz_aware=True
    )
    with client:
        yield client[MONGO_DATABASE]


def _contents(stack: Stack) -> Contents:
    with _accounts(stack) as database:
        accounts = database["accounts"].count_documents({})
    known = _ask(stack.home, "SELECT 1 FROM pg_database WHERE datname = %s", services.DATABASE)
    jobs = _run("psql", stack.home, "-Atc", COUNT_JOBS, services.DATABASE) if known else "0"
    return Contents(int(jobs), accounts)


def _write(database: Documents, path: Path) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        for name in sorted(database.list_collection_names()):
            for document in database[name].find():
                line = {"collection": name, "document": document}
                lines.write(json_util.dumps(line, json_options=json_util.CANONICAL_JSON_OPTIONS))
                lines.write("\n")


def _read(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    options = json_util.CANONICAL_JSON_OPTIONS
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            read = json_util.loads(line, json_options=options)
            yield read["collection"], read["document"]


def _replace(database: Documents, documents: list[tuple[str, dict[str, Any]]]) -> None:
    """Put documents in the place of what is there; `users` makes its indexes when it starts."""
    for name in database.list_collection_names():
        database.drop_collection(name)
    for name in sorted({name for name, _ in documents}):
        mine = [document for of, document in documents if of == name]
        for start in range(0, len(mine), BATCH):
            database[name].insert_many(mine[start : start + BATCH])


def _fill_draft(home: Path, dump: Path) -> None:
    _ask(home, f"DROP DATABASE IF EXISTS {DRAFT}")
    create_database(home, DRAFT)
    _run("pg_restore", home, "--exit-on-error", "--no-owner", "-d", DRAFT, str(dump))
    _run("psql", home, "-qc", END_LEASES, DRAFT)


def _take_draft(home: Path) -> None:
    _ask(home, f"DROP DATABASE IF EXISTS {services.DATABASE}")
    _ask(home, f"ALTER DATABASE {DRAFT} RENAME TO {services.DATABASE}")


def _ask(home: Path, statement: str, *values: str) -> bool:
    """Run a statement as the administrator and tell whether it gave a row."""
    with closing(postgres.connect(home)) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement), values)
        return cursor.description is not None and cursor.fetchone() is not None


def _run(program: str, home: Path, *arguments: str) -> str:
    """Run one of PostgreSQL's programs on a home's server and return what it printed."""
    server = "-h", str(postgres.socket_folder(home)), "-U", "postgres"
    done = subprocess.run(
        [str(postgres.binaries() / program), *server, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    if done.returncode != 0:
        raise DevstackError(f"{program} failed: {done.stderr.strip()}")
    return done.stdout


def _digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a backup, by its path in it."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[str(path.relative_to(folder))] = digest
    return found
