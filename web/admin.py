"""What administrators see and do: accounts, workers, queues, errors."""

import json
from typing import Any

from apiflask import APIBlueprint
from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from core import words
from web import backends, sessions
from web.access import require_admin
from web.api import segment
from web.errors import RefusedError, RejectedError

PAGE_SIZE = 20
NOT_FOUND = 404
UNPROCESSABLE = 422
KINDS = {
    "payload": "Dados recusados",
    "database": "Banco de dados",
    "queue": "Fila",
    "exception": "Exceção",
    "dead_letter": "Mensagem morta",
}
# What waits in each queue, by the queue's name.
QUEUES = {
    "job_created": "Consultas a executar",
    "payload_error": "Dados recusados",
    "database_error": "Falhas do banco de dados",
    "queue_error": "Falhas da fila",
    "exception_error": "Exceções",
    "job_created_dlq": "Mensagens mortas",
}
# What each kind of worker is called, and what stands still while none of it is there.
WORKERS = {
    "lookups": ("Consultas", "As consultas que vencem esperam na fila."),
    "dispatch": ("Despacho", "As consultas que vencem não entram na fila."),
    "mail": ("E-mails", "Os avisos e os resumos esperam para sair."),
}

bp = APIBlueprint("admin", __name__, url_prefix="/admin")
bp.before_request(require_admin)


@bp.get("/usuarios")
def show_users() -> ResponseReturnValue:
    """Show the accounts; a CPF or CNPJ leads to the one that has it."""
    wanted = request.args.get("documento", "").strip()
    problem = ""
    if wanted:
        try:
            account = _users("GET", f"/admin/users/cpf/{_digits(wanted)}")
        except RejectedError as error:
            problem = str(error)
        else:
            return redirect(url_for("admin.show_user", account_id=account["id"]))
    page = max(request.args.get("pagina", 1, type=int), 1)
    accounts = _users("GET", f"/admin/users/page/{page}", query={"page_size": PAGE_SIZE})
    return render_template("admin_users.html", accounts=accounts, wanted=wanted, problem=problem)


@bp.get("/usuarios/<account_id>")
def show_user(account_id: str) -> ResponseReturnValue:
    """Show an account to change."""
    account = _users("GET", f"/admin/users/{segment(account_id)}")
    number = words.document(account["cpf_cnpj"])
    return _user_form(account_id, account | {"cpf_cnpj": number})


@bp.post("/usuarios/<account_id>")
def change_user(account_id: str) -> ResponseReturnValue:
    """Change an account."""
    names = ("full_name", "email", "cpf_cnpj", "date_of_birth", "group")
    body: dict[str, Any] = {name: request.form[name] for name in names if request.form.get(name)}
    body["active"] = "active" in request.form
    try:
        _users("PUT", f"/admin/users/{segment(account_id)}", body=body)
    except RefusedError as error:
        return _user_form(account_id, request.form, error.fields), UNPROCESSABLE
    except RejectedError as error:
        return _user_form(account_id, request.form, problem=str(error)), error.status
    flash("Conta alterada.", "good")
    return redirect(url_for("admin.show_users"))


@bp.get("/processos")
def show_workers() -> ResponseReturnValue:
    """Show which workers, mailers and dispatchers are there, and warn of what is not."""
    workers = _agendador("GET", "/admin/workers")
    there = {one["kind"] for one in workers if not one["missing"]}
    absent = [told for kind, told in WORKERS.items() if kind not in there]
    return render_template("admin_workers.html", workers=workers, kinds=WORKERS, absent=absent)


@bp.get("/filas")
def show_queues() -> ResponseReturnValue:
    """Show how each queue stands."""
    queues = _agendador("GET", "/admin/queues")
    return render_template("admin_queues.html", queues=queues, names=QUEUES)


@bp.get("/erros")
def show_errors() -> ResponseReturnValue:
    """Show the error events, those of one kind or all."""
    kind = request.args.get("tipo", "")
    query = {"kind": kind} if kind in KINDS else {}
    events = _agendador("GET", "/admin/errors", query=query)
    gists = {event["id"]: _gist(event["body"] or {}) for event in events}
    return render_template("admin_errors.html", events=events, gists=gists, kinds=KINDS, kind=kind)


@bp.get("/erros/<event_id>")
def show_error(event_id: str) -> ResponseReturnValue:
    """Show an error event, and what can be done with it."""
    event = _agendador("GET", f"/admin/errors/{segment(event_id)}")
    body = event["body"]
    text = json.dumps(body, ensure_ascii=False, indent=2) if body is not None else event["text"]
    return render_template("admin_error.html", event=event, text=text, kinds=KINDS)


@bp.post("/erros/<event_id>/refazer")
def replay_error(event_id: str) -> ResponseReturnValue:
    """Make an error event good."""
    return _settle("POST", f"/admin/errors/{segment(event_id)}/replay", "Evento refeito.")


@bp.post("/erros/<event_id>/descartar")
def discard_error(event_id: str) -> ResponseReturnValue:
    """Take an error event away for good."""
    return _settle("DELETE", f"/admin/errors/{segment(event_id)}", "Evento descartado.")


def _settle(method: str, path: str, done: str) -> ResponseReturnValue:
    try:
        _agendador(method, path)
    except RejectedError as error:
        flash(str(error), "bad")
    else:
        flash(done, "good")
    return redirect(url_for("admin.show_errors"))


def _gist(body: dict[str, Any]) -> str:
    """Return in a line what an event is about: where it happened, and why or what was refused."""
    where = " ".join(str(body[name]) for name in ("method", "path", "route") if body.get(name))
    refused = body.get("errors")
    why = (
        ", ".join(refused) if isinstance(refused, dict) else body.get("type") or body.get("reason")
    )
    job = f"consulta nº {body['job_id']}" if body.get("job_id") else ""
    return " · ".join(str(part) for part in (where, why, job) if part)


def _user_form(
    account_id: str, values: Any, errors: dict[str, list[str]] | None = None, problem: str = ""
) -> str:
    return render_template(
        "admin_user.html",
        account_id=account_id,
        values=values,
        errors=errors or {},
        problem=problem,
    )


def _digits(text: str) -> str:
    """Return what a path may hold of a document that somebody typed."""
    return "".join(character for character in text if character.isalnum())[:32] or "0"


def _users(method: str, path: str, **how: Any) -> Any:
    return sessions.call(backends.users(), method, path, **how)


def _agendador(method: str, path: str, **how: Any) -> Any:
    return sessions.call(backends.agendador(), method, path, **how)
