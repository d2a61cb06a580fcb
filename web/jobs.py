"""The pages of one job: schedule, edit, delete, cancel, run, and what came of it."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

from apiflask import APIBlueprint
from flask import abort, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from core import words
from core.clock import SAO_PAULO, utc_now
from web import backends, formats, pdf, repetition, sessions
from web.errors import RefusedError, RejectedError

FIVE_MINUTES = 5
NOT_FOUND = 404
UNPROCESSABLE = 422

# As our form has it; anything else would be written into a header.
_KEY = re.compile(r"[0-9a-z-]{1,64}")

bp = APIBlueprint("jobs", __name__, url_prefix="/consultas")


@bp.get("/nova")
def new() -> ResponseReturnValue:
    """Show the form to schedule a job; the address may bring a CNPJ and a day."""
    values = _soon() | {"idempotency_key": uuid.uuid4().hex}
    given = {name: request.args[name] for name in ("cpf_cnpj", "day") if name in request.args}
    return _form(values | given)


@bp.post("/nova")
def create() -> ResponseReturnValue:
    """Schedule a job; sending the same form twice makes one."""
    key = request.form.get("idempotency_key", "")
    if not _KEY.fullmatch(key):
        key = uuid.uuid4().hex
    return _save(
        lambda: _call("POST", "/jobs", body=_payload(), headers={"Idempotency-Key": key}),
        "Consulta agendada.",
    )


@bp.get("/<int:job_id>/editar")
def edit(job_id: int) -> ResponseReturnValue:
    """Show the form to change a job that has not started."""
    job = _call("GET", f"/job/{job_id}")
    at = formats.local(job["date"])
    values = {"day": at.date().isoformat(), "time": at.strftime("%H:%M")}
    number = {"cpf_cnpj": words.document(job["cpf_cnpj"])}
    return _form(job | values | number, job_id=job_id)


@bp.post("/<int:job_id>/editar")
def change(job_id: int) -> ResponseReturnValue:
    """Change a job."""
    return _save(
        lambda: _call("PATCH", f"/job/{job_id}", body=_payload()),
        "Consulta alterada.",
        job_id=job_id,
    )


@bp.get("/<int:job_id>")
def show(job_id: int) -> ResponseReturnValue:
    """Show a job with its runs and its latest result."""
    return _page(job_id)


@bp.post("/<int:job_id>")
def give_page(job_id: int) -> ResponseReturnValue:
    """Take the official page that somebody saved for a job that waits for it."""
    file = request.files.get("file")
    content = file.read() if file else b""
    try:
        _call("POST", f"/job/{job_id}/page", upload=("file", "pagina.html", content))
    except RefusedError as error:
        return _page(job_id, error.fields["file"]), UNPROCESSABLE
    except RejectedError as error:
        return _page(job_id, [str(error)]), error.status
    flash("Página recebida. Ela será lida em instantes.", "good")
    return redirect(url_for("jobs.show", job_id=job_id))


def _page(job_id: int, problems: list[str] | None = None) -> str:
    """Return the page of a job; `problems` are those of the official page that was sent."""
    job = _call("GET", f"/job/{job_id}")
    runs = _call("GET", f"/job/{job_id}/runs")
    results = _call("GET", "/results", query={"job_id": job_id})
    chosen = request.args.get("resultado", type=int)
    result = next((r for r in results if r["id"] == chosen), results[0] if results else None)
    return render_template(
        "job.html", job=job, runs=runs, results=results, result=result, problems=problems or []
    )


@bp.get("/<int:job_id>/resultado-<int:result_id>.pdf")
def show_pdf(job_id: int, result_id: int) -> ResponseReturnValue:
    """Give one result of a job as a PDF."""
    results = _call("GET", "/results", query={"job_id": job_id})
    result = next((one for one in results if one["id"] == result_id), None)
    if result is None:
        abort(NOT_FOUND)
    name = f"cnpj-{result['cnpj']}-{result['data_pesquisa']}.pdf"
    return send_file(
        BytesIO(pdf.company(result)),
        mimetype="application/pdf",
        as_attachment=True,
        download_name=name,
        etag=False,
    )


@bp.get("/<int:job_id>/excluir")
def ask_delete(job_id: int) -> ResponseReturnValue:
    """Ask before a job is deleted."""
    return render_template("confirm_delete.html", job=_call("GET", f"/job/{job_id}"))


@bp.post("/<int:job_id>/excluir")
def delete(job_id: int) -> ResponseReturnValue:
    """Delete a job; one that is running is cancelled."""
    _call("DELETE", f"/job/{job_id}")
    if _exists(job_id):
        flash("A consulta estava em andamento e foi cancelada.", "info")
        return redirect(url_for("jobs.show", job_id=job_id))
    flash("Consulta excluída.", "good")
    return redirect(url_for("agenda.show_list"))


@bp.get("/<int:job_id>/cancelar")
def ask_cancel(job_id: int) -> ResponseReturnValue:
    """Ask before a job is cancelled."""
    return render_template("confirm_cancel.html", job=_call("GET", f"/job/{job_id}"))


@bp.post("/<int:job_id>/cancelar")
def cancel(job_id: int) -> ResponseReturnValue:
    """Cancel a job that has not ended."""
    return _act(job_id, "cancel", "Consulta cancelada.")


@bp.post("/<int:job_id>/executar")
def run(job_id: int) -> ResponseReturnValue:
    """Run a job now, again if it has ended."""
    return _act(job_id, "run", "A consulta vai começar em instantes.")


@bp.post("/<int:job_id>/pausar")
def pause(job_id: int) -> ResponseReturnValue:
    """Hold a job until it is resumed."""
    return _act(job_id, "pause", "Consulta pausada: nada é executado até você retomá-la.")


@bp.post("/<int:job_id>/retomar")
def resume(job_id: int) -> ResponseReturnValue:
    """Let a paused job go on."""
    return _act(job_id, "resume", "Consulta retomada.")


def _act(job_id: int, action: str, done: str) -> ResponseReturnValue:
    try:
        _call("POST", f"/job/{job_id}/{action}")
    except RejectedError as error:
        flash(str(error), "bad")
    else:
        flash(done, "good")
    return redirect(url_for("jobs.show", job_id=job_id))


def _exists(job_id: int) -> bool:
    try:
        _call("GET", f"/job/{job_id}")
    except RejectedError:
        return False
    return True


def _call(method: str, path: str, **how: Any) -> Any:
    return sessions.call(backends.agendador(), method, path, **how)


def _save(save: Callable[[], Any], done: str, job_id: int | None = None) -> ResponseReturnValue:
    """Save what was typed and show the job; what is refused is shown in the form again."""
    try:
        job = save()
    except RefusedError as error:
        return _form(request.form, error.fields, job_id=job_id), UNPROCESSABLE
    except RejectedError as error:
        return _form(request.form, problem=str(error), job_id=job_id), error.status
    flash(done, "good")
    return redirect(url_for("jobs.show", job_id=job["id"]))


def _form(
    values: Any,
    errors: dict[str, list[str]] | None = None,
    problem: str = "",
    job_id: int | None = None,
) -> str:
    return render_template(
        "job_form.html",
        values=values,
        errors=errors or {},
        problem=problem,
        job_id=job_id,
        repeat=_repeat(values),
    )


def _repeat(values: Any) -> repetition.Choice:
    """Return the repetition as it was typed, or as the job has it."""
    if "repeat" in values:
        return repetition.Choice(
            values["repeat"], tuple(request.form.getlist("weekday")), values.get("until", "")
        )
    return repetition.choice(values.get("recurrence"))


def _payload() -> dict[str, Any]:
    """Return the body of a job as the form holds it."""
    form = request.form
    return {
        "title": form.get("title", ""),
        "description": form.get("description", ""),
        "cpf_cnpj": form.get("cpf_cnpj", ""),
        "date": _date(),
        "priority": form.get("priority", "0"),
        "recurrence": repetition.rule(
            form.get("repeat", ""),
            form.getlist("weekday"),
            form.get("until", ""),
            form.get("day", ""),
            form.get("recurrence", ""),
        ),
    }


def _date() -> str:
    if request.form.get("when") == "now":
        return utc_now().isoformat()
    return f"{request.form.get('day', '')}T{request.form.get('time', '')}"


def _soon() -> dict[str, str]:
    """Return the day and time to offer: the next full five minutes."""
    at = utc_now().astimezone(SAO_PAULO) + timedelta(minutes=FIVE_MINUTES)
    at -= timedelta(minutes=at.minute % FIVE_MINUTES)
    return {"day": at.date().isoformat(), "time": at.strftime("%H:%M")}
