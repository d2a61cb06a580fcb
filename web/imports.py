"""Import: a table is tried, its rows are shown, and then it is sent for good.

Nothing is kept between the two steps: the table travels in the page that shows the preview.
"""

import base64
import binascii
from typing import Any

from apiflask import APIBlueprint
from flask import render_template, request
from flask.typing import ResponseReturnValue

from web import backends, sessions
from web.api import Upload
from web.errors import RefusedError, RejectedError

MAX_FILE_BYTES = 4_000_000
# A table in a page is a third longer than by itself.
MAX_FORM_BYTES = 6_000_000
SHOWN_ROWS = 200
UNPROCESSABLE = 422
DEFAULTS = ("day", "time", "priority")
OUTCOMES = {
    "created": ("Vai ser agendada", "good"),
    "existing": ("Já está na agenda", "calm"),
    "repeated": ("Repetida", "calm"),
    "refused": ("Com problema", "bad"),
}

bp = APIBlueprint("imports", __name__, url_prefix="/importar")


@bp.get("")
def show() -> ResponseReturnValue:
    """Show the form that takes a table."""
    return _form("")


@bp.post("")
def preview() -> ResponseReturnValue:
    """Try the table and show what would become of each row."""
    file = request.files.get("file")
    content = file.read(MAX_FILE_BYTES + 1) if file else b""
    if file is None or not content:
        return _form("Escolha um arquivo CSV ou XLSX."), UNPROCESSABLE
    if len(content) > MAX_FILE_BYTES:
        return _form("O arquivo passa de 4 MB: divida-o em partes."), UNPROCESSABLE
    try:
        outcome = _send(content, is_preview=True)
    except (RefusedError, RejectedError) as error:
        return _form(_reason(error)), UNPROCESSABLE
    return render_template(
        "import_preview.html",
        outcome=outcome,
        rows=outcome["rows"][:SHOWN_ROWS],
        outcomes=OUTCOMES,
        table=base64.b64encode(content).decode(),
        name=file.filename or "tabela",
        values=request.form,
    )


@bp.post("/confirmar")
def confirm() -> ResponseReturnValue:
    """Send the table for good."""
    request.max_form_memory_size = MAX_FORM_BYTES
    try:
        content = base64.b64decode(request.form.get("table", ""), validate=True)
        outcome = _send(content, is_preview=False)
    except binascii.Error:
        return _form("O arquivo chegou incompleto. Envie-o de novo."), UNPROCESSABLE
    except (RefusedError, RejectedError) as error:
        return _form(_reason(error)), UNPROCESSABLE
    return render_template("import_done.html", outcome=outcome, outcomes=OUTCOMES)


def _send(content: bytes, *, is_preview: bool) -> dict[str, Any]:
    query = {"preview": "true"} if is_preview else {}
    day, time, priority = (request.form.get(name, "") for name in DEFAULTS)
    if day and time:
        query["date"] = f"{day}T{time}"
    if priority:
        query["priority"] = priority
    upload: Upload = ("file", "tabela", content)
    outcome: dict[str, Any] = sessions.call(
        backends.agendador(), "POST", "/jobs/import", query=query, upload=upload
    )
    return outcome


def _reason(error: RefusedError | RejectedError) -> str:
    if isinstance(error, RefusedError):
        return " ".join(said for all_said in error.fields.values() for said in all_said)
    return str(error)


def _form(problem: str) -> str:
    return render_template("import.html", values=request.form, problem=problem)
