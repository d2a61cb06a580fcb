"""Import: a table is tried, its rows are shown, it is sent for good, and its jobs are followed.

Nothing is kept between the first two steps: the table travels in the page that shows the preview.
"""

import base64
import binascii
from typing import Any

from apiflask import APIBlueprint
from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from core import words
from web import backends, sessions
from web.api import Upload
from web.errors import RefusedError, RejectedError

MAX_FILE_BYTES = 4_000_000
# A table in a page is a third longer than by itself.
MAX_FORM_BYTES = 6_000_000
SHOWN_ROWS = 200
RECENT = 5
FAILURES = 20
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
    flash(*_told(outcome))
    return redirect(url_for("imports.show_progress", import_id=outcome["import_id"]))


@bp.get("/<int:import_id>")
def show_progress(import_id: int) -> ResponseReturnValue:
    """Show how far the jobs of an import are, and which of them failed."""
    table = _call("GET", f"/imports/{import_id}")
    query = {"import_id": import_id, "status": "error", "per_page": FAILURES}
    failed = _call("GET", "/jobs", query=query) if table["by_status"]["error"] else None
    return render_template("import_progress.html", table=table, failed=failed)


def _send(content: bytes, *, is_preview: bool) -> dict[str, Any]:
    query = {"preview": "true"} if is_preview else {}
    day, time, priority = (request.form.get(name, "") for name in DEFAULTS)
    if day and time:
        query["date"] = f"{day}T{time}"
    if priority:
        query["priority"] = priority
    upload: Upload = ("file", "tabela", content)
    outcome: dict[str, Any] = _call("POST", "/jobs/import", query=query, upload=upload)
    return outcome


def _told(outcome: dict[str, Any]) -> tuple[str, str]:
    """Return what became of a table in a sentence, and its tone."""
    parts = [words.counted(outcome["created"], "consulta agendada", "consultas agendadas")]
    if known := outcome["existing"] + outcome["repeated"]:
        parts.append(
            words.counted(known, "linha já estava na agenda", "linhas já estavam na agenda")
        )
    if refused := outcome["refused"]:
        parts.append(words.counted(refused, "linha ficou de fora", "linhas ficaram de fora"))
    return f"{', '.join(parts)}.", "good" if outcome["created"] else "info"


def _call(method: str, path: str, **how: Any) -> Any:
    return sessions.call(backends.agendador(), method, path, **how)


def _reason(error: RefusedError | RejectedError) -> str:
    if isinstance(error, RefusedError):
        return " ".join(said for all_said in error.fields.values() for said in all_said)
    return str(error)


def _form(problem: str) -> str:
    recent = _call("GET", "/imports", query={"per_page": RECENT})
    return render_template("import.html", values=request.form, problem=problem, recent=recent)
