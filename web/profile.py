"""One's own account: what is known of one, the password, and the way out."""

from typing import Any

from apiflask import APIBlueprint
from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from core import words
from web import backends, sessions
from web.errors import RefusedError, RejectedError

UNPROCESSABLE = 422
ADDRESS = ("cep", "logradouro", "numero", "complemento", "bairro", "municipio", "uf")
FIELDS = ("full_name", "email", "cpf_cnpj", "date_of_birth", "current_password")

bp = APIBlueprint("profile", __name__, url_prefix="/conta")


@bp.get("")
def show() -> ResponseReturnValue:
    """Show the own account."""
    return _form(_account())


@bp.post("")
def change() -> ResponseReturnValue:
    """Change the own account."""
    body: dict[str, Any] = {name: request.form[name] for name in FIELDS if request.form.get(name)}
    body["address"] = {name: request.form.get(name, "") for name in ADDRESS}
    try:
        account = _call("PATCH", "/me", body=body)
    except RefusedError as error:
        return _form(request.form, _flat(error.fields)), UNPROCESSABLE
    except RejectedError as error:
        return _form(request.form, problem=str(error)), error.status
    session["name"] = account["full_name"]
    flash("Sua conta foi atualizada.", "good")
    return redirect(url_for("profile.show"))


@bp.post("/avisos")
def change_notices() -> ResponseReturnValue:
    """Change which mails are wanted."""
    sessions.call(
        backends.agendador(), "PUT", "/preferences", body={"summary": "summary" in request.form}
    )
    flash("Suas preferências foram guardadas.", "good")
    return redirect(url_for("profile.show"))


@bp.post("/calendario")
def open_calendar() -> ResponseReturnValue:
    """Make the address of the calendar feed, which is shown this once."""
    token = sessions.call(backends.agendador(), "POST", "/calendar")["token"]
    address = url_for("exports.calendar", token=token, _external=True)
    return render_template("calendar_opened.html", address=address)


@bp.post("/calendario/fechar")
def close_calendar() -> ResponseReturnValue:
    """Make the address of the calendar feed void."""
    sessions.call(backends.agendador(), "DELETE", "/calendar")
    flash("O endereço do calendário não vale mais.", "good")
    return redirect(url_for("profile.show"))


@bp.get("/senha")
def show_password() -> ResponseReturnValue:
    """Show the form for another password."""
    return render_template("password.html", errors={}, problem="")


@bp.post("/senha")
def change_password() -> ResponseReturnValue:
    """Change the password; the other sessions end."""
    names = ("current_password", "password", "confirm_password")
    body = {name: request.form.get(name, "") for name in names}
    try:
        _call("POST", "/me/password", body=body)
    except RefusedError as error:
        return render_template("password.html", errors=error.fields, problem=""), UNPROCESSABLE
    except RejectedError as error:
        return render_template("password.html", errors={}, problem=str(error)), error.status
    flash("Senha trocada. As suas outras sessões foram encerradas.", "good")
    return redirect(url_for("profile.show"))


@bp.get("/apagar")
def ask_erase() -> ResponseReturnValue:
    """Ask before the own account is erased."""
    return render_template("confirm_erase.html")


@bp.post("/apagar")
def erase() -> ResponseReturnValue:
    """Erase the own account."""
    _call("DELETE", "/me")
    sessions.end()
    flash("Sua conta foi apagada. Volte quando quiser.", "info")
    return redirect(url_for("home.show"))


def _account() -> dict[str, Any]:
    account = _call("GET", "/me")
    number = words.document(account["cpf_cnpj"])
    values: dict[str, Any] = account | account["address"] | {"cpf_cnpj": number}
    return values


def _form(values: Any, errors: dict[str, list[str]] | None = None, problem: str = "") -> str:
    preferences = sessions.call(backends.agendador(), "GET", "/preferences")
    return render_template(
        "profile.html",
        values=values,
        errors=errors or {},
        problem=problem,
        preferences=preferences,
    )


def _flat(errors: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the errors by the form's names: `address.cep` is its field `cep`."""
    return {name.removeprefix("address."): said for name, said in errors.items()}


def _call(method: str, path: str, **how: Any) -> Any:
    return sessions.call(backends.users(), method, path, **how)
