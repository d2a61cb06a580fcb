"""Turns a folder of the open data into one DuckDB file.

Each package goes into `<store>.building` in a transaction of its own, so that an import that was
stopped goes on where it was. Then the tables are written in the order of the CNPJ into
`<store>.new`, which takes the store's place in one step: readers see the old base or the new one.
Memory is bounded by DuckDB, which sorts on disk what does not fit.
"""

import os
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO
from zipfile import BadZipFile, ZipFile

import duckdb

from worker.open_data.layout import BY_COMPANY, COLUMNS, REQUIRED, OpenDataError, Package, packages

# A look-up reads the groups of rows whose CNPJs may be the one asked for: one group, most often.
ROWS_TO_SEARCH = 8192
CHUNK_BYTES = 4 * 1024 * 1024

# The parts of a CNPJ and their lengths.
CNPJ_PARTS = (("cnpj_basico", 8), ("cnpj_ordem", 4), ("cnpj_dv", 2))

Tell = Callable[[str], None]


def import_folder(folder: Path, store: Path, tell: Tell, memory: str = "1GB") -> None:
    """Import a folder's packages into `store`, telling each step.

    `memory` bounds DuckDB. Raises OpenDataError when the folder cannot be imported.
    """
    wanted = packages(folder)
    store.parent.mkdir(parents=True, exist_ok=True)
    building = _sibling(store, "building")
    try:
        with _open(building, memory) as connection:
            _prepare(connection, wanted)
            _load(connection, wanted, store, tell)
            _demand_rows(connection)
        _write_sorted(building, store, wanted, tell, memory)
    except duckdb.Error as exc:
        raise OpenDataError(f"o DuckDB não conseguiu: {exc}") from exc
    building.unlink()


def _open(path: Path, memory: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path))
    connection.execute("SET memory_limit = ?", [memory])
    connection.execute("SET temp_directory = ?", [f"{path}.tmp"])
    connection.execute("SET preserve_insertion_order = false")
    return connection


def _prepare(connection: duckdb.DuckDBPyConnection, wanted: list[Package]) -> None:
    """Make the tables; what an earlier import loaded stays unless its packages have changed."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS loaded (file VARCHAR PRIMARY KEY, size BIGINT, crc BIGINT)"
    )
    known = {(package.path.name, package.size, package.crc) for package in wanted}
    loaded = connection.execute("SELECT file, size, crc FROM loaded").fetchall()
    if not set(loaded) <= known:
        for kind in COLUMNS:
            connection.execute(f"DROP TABLE IF EXISTS {kind}")
        connection.execute("DELETE FROM loaded")
    for kind, columns in COLUMNS.items():
        fields = ", ".join(f"{column} VARCHAR" for column in columns)
        connection.execute(f"CREATE TABLE IF NOT EXISTS {kind} ({fields})")


def _load(
    connection: duckdb.DuckDBPyConnection, wanted: list[Package], store: Path, tell: Tell
) -> None:
    loaded = {file for (file,) in connection.execute("SELECT file FROM loaded").fetchall()}
    for number, package in enumerate(wanted, start=1):
        step = f"[{number}/{len(wanted)}] {package.path.name}"
        if package.path.name in loaded:
            tell(f"{step}: já importado")
            continue
        started = time.monotonic()
        rows, refused = _load_one(connection, package, _sibling(store, "csv"))
        seconds = time.monotonic() - started
        note = f", {refused} linhas ilegíveis" if refused else ""
        tell(f"{step}: {rows} linhas em {seconds:.1f} s ({rows / seconds:.0f}/s){note}")


def _demand_rows(connection: duckdb.DuckDBPyConnection) -> None:
    """Raise OpenDataError when a required table is empty, so that the old base stays."""
    for kind in REQUIRED:
        if not connection.execute(f"SELECT 1 FROM {kind} LIMIT 1").fetchone():  # noqa: S608 our own names
            raise OpenDataError(f"nenhuma linha de {kind}*.zip pôde ser lida")


def _load_one(
    connection: duckdb.DuckDBPyConnection, package: Package, csv: Path
) -> tuple[int, int]:
    """Load one package; returns how many lines were read and how many could not be."""
    columns = dict.fromkeys(COLUMNS[package.kind], "VARCHAR")
    try:
        _extract(package, csv)
        connection.execute("BEGIN")
        rows = connection.execute(
            f"INSERT INTO {package.kind} SELECT * {_whole(package.kind)} FROM"  # noqa: S608 our own names
            " read_csv(?, columns = ?, header = false,"
            " auto_detect = false, delim = ';', quote = '\"', escape = '\"', strict_mode = false,"
            " store_rejects = true)",
            [str(csv), columns],
        ).fetchone()
        refused = connection.execute("SELECT count(*) FROM reject_errors").fetchone()
        connection.execute("DELETE FROM reject_errors")
        connection.execute(
            "INSERT INTO loaded VALUES (?, ?, ?)", [package.path.name, package.size, package.crc]
        )
        connection.execute("COMMIT")
    finally:
        csv.unlink(missing_ok=True)
    return (rows or (0,))[0], (refused or (0,))[0]


def _whole(kind: str) -> str:
    """Return the clause that gives the parts of a CNPJ the zeros that a spreadsheet took away."""
    parts = [(column, size) for column, size in CNPJ_PARTS if column in COLUMNS[kind]]
    padded = (f"lpad({p}, greatest(length({p}), {size})::INTEGER, '0') AS {p}" for p, size in parts)
    return f"REPLACE ({', '.join(padded)})" if parts else ""


def _extract(package: Package, target: Path) -> None:
    """Write the CSV in UTF-8, without the NULs that some lines have."""
    with (
        ZipFile(package.path) as archive,
        archive.open(package.member) as source,
        target.open("wb") as sink,
    ):
        while chunk := _chunk(source, package):
            sink.write(chunk.replace(b"\0", b"").decode("latin-1").encode())


def _chunk(source: IO[bytes], package: Package) -> bytes:
    try:
        return source.read(CHUNK_BYTES)
    except (BadZipFile, zlib.error, EOFError) as exc:
        raise OpenDataError(
            f"{package.path.name} está danificado: baixe-o de novo e repita a importação"
        ) from exc


def _write_sorted(
    building: Path, store: Path, wanted: list[Package], tell: Tell, memory: str
) -> None:
    new = _sibling(store, "new")
    new.unlink(missing_ok=True)
    started = time.monotonic()
    with _open(building, memory) as connection:
        connection.execute(
            f"ATTACH '{_quoted(new)}' AS new (ROW_GROUP_SIZE {ROWS_TO_SEARCH})",
        )
        for kind in COLUMNS:
            order = " ORDER BY cnpj_basico" if kind in BY_COMPANY else ""
            connection.execute(f"CREATE TABLE new.{kind} AS SELECT * FROM {kind}{order}")  # noqa: S608
        day = max(package.day for package in wanted if package.kind == "estabelecimentos")
        connection.execute("CREATE TABLE new.base AS SELECT ? AS data_da_base", [day])
        connection.execute("DETACH new")
    new.replace(store)
    size = store.stat().st_size
    tell(f"base pronta em {time.monotonic() - started:.1f} s: {store} ({size / 2**20:.0f} MiB)")


def _quoted(path: Path) -> str:
    return os.fspath(path).replace("'", "''")


def _sibling(store: Path, suffix: str) -> Path:
    return store.with_name(f"{store.name}.{suffix}")
