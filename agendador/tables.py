"""Tables that people upload: CSV in any of the usual shapes, and XLSX; rows of text come out."""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

MAX_ROWS = 5_000
MAX_COLUMNS = 50
MAX_CELL = 5_000
# What an XLSX may unpack to; a table of so many rows needs a tenth of it.
MAX_UNPACKED_BYTES = 20_000_000
# And how many tags its XML may hold: a full table has at most three pairs for each cell, all else
# is little. Millions fit in a small file, and would keep openpyxl busy for minutes, with gigabytes.
MAX_CELL_TAGS = 6 * MAX_ROWS * MAX_COLUMNS
MAX_OTHER_TAGS = 100_000
TOO_BIG = "A planilha é grande demais."

_SEPARATORS = ";,\t|"
_ZIP = b"PK\x03\x04"
# How a workbook's parts may be packed (ECMA-376, part 2, annex B).
_PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
# Where a workbook keeps its cells and their text.
_CELLS = ("xl/worksheets/", "xl/sharedStrings")
# What a file that is no workbook, or a broken or a hostile one, makes openpyxl raise.
_BROKEN = (
    zipfile.BadZipFile,
    InvalidFileException,
    SyntaxError,  # as ElementTree's and lxml's parsers call XML that is none
    zlib.error,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    RuntimeError,
    OSError,
    EOFError,
    AssertionError,
)


class TableError(ValueError):
    """The file cannot be read as a table; the message tells the user why, in Portuguese."""


def read(content: bytes) -> list[list[str]]:
    """Return the rows of a table, without its empty ones at the end.

    Raises TableError for a file that is neither CSV nor XLSX, or is too big.
    """
    rows = _of_workbook(content) if content.startswith(_ZIP) else _of_csv(content)
    table: list[list[str]] = []
    for row in rows:
        # One more for the header.
        if len(table) > MAX_ROWS:
            raise TableError(f"O arquivo pode ter no máximo {MAX_ROWS} linhas.")
        table.append([cell.strip()[:MAX_CELL] for cell in row[:MAX_COLUMNS]])
    while table and not any(table[-1]):
        table.pop()
    if not table:
        raise TableError("O arquivo está vazio.")
    return table


def _of_csv(content: bytes) -> Iterator[list[str]]:
    text = _decode(content)
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep="):
        # Excel's own hint, which is no row.
        text, first = rest, rest.partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        yield from reader
    except csv.Error as exc:
        raise TableError(f"A linha {reader.line_num} não pode ser lida como CSV.") from exc


def _decode(content: bytes) -> str:
    """Return the text of a file in UTF-8, in UTF-16, or in Windows-1252."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    if b"\0" in content:
        return content.decode(_unmarked_utf16(content), errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _unmarked_utf16(content: bytes) -> str:
    """Return which UTF-16 a file with NULs is in: of most letters, one byte is NUL."""
    first, second = content[::2].count(0), content[1::2].count(0)
    if not min(first, second) * 100 < len(content) < max(first, second) * 4:
        raise TableError("O arquivo não é uma tabela em texto. Salve-o como CSV UTF-8 ou XLSX.")
    return "utf-16-be" if first > second else "utf-16-le"


def _of_workbook(content: bytes) -> Iterator[list[str]]:
    try:
        _check_size(content)
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        for row in book.worksheets[0].iter_rows(values_only=True, max_col=MAX_COLUMNS):
            yield [_text(value) for value in row]
    except TableError:
        raise
    except _BROKEN as exc:
        raise TableError("O arquivo não pode ser lido como planilha do Excel (XLSX).") from exc


def _check_size(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        if not _PACKED.issuperset(part.compress_type for part in parts):
            raise zipfile.BadZipFile("packed as no workbook is")
        if sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
            raise TableError(TOO_BIG)
        tags = {part.filename: archive.read(part).count(b"<") for part in parts}
    of_cells = sum(count for name, count in tags.items() if name.startswith(_CELLS))
    if of_cells > MAX_CELL_TAGS or sum(tags.values()) - of_cells > MAX_OTHER_TAGS:
        raise TableError(TOO_BIG)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
