"""A new password for who forgot it, by the link that `users` mails."""

from apiflask import APIBlueprint
from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from web import backends
from web.access import public
from web.errors import RefusedError, RejectedError

UNPROCESSABLE = 422

bp = APIBlueprint("recovery", __name__)


@bp.get("/esqueci-a-senha")
@public
def forgot() -> ResponseReturnValue:
    """Show the form that asks for a link."""
    return _forgot_form({})


@bp.post("/esqueci-a-senha")
@public
def ask_link() -> ResponseReturnValue:
    """Have a link mailed; the page does not tell whether there is such an account."""
    email = request.form.get("email", "")
    try:
        backends.users().call("POST", "/auth/forgot", body={"email": email})
    except RefusedError as error:
        return _forgot_form(error.fields), UNPROCESSABLE
    except RejectedError as error:
        return _forgot_form({}, str(error)), error.status
    return render_template("forgot_sent.html", email=email)


@bp.get("/redefinir-senha")
@public
def reset() -> ResponseReturnValue:
    """Show the form for the new password; the token comes with the mailed link."""
    return _reset_form(request.args.get("token", ""), {})


@bp.post("/redefinir-senha")
@public
def set_password() -> ResponseReturnValue:
    """Set the new password and lead to the log-in."""
    body = {name: request.form.get(name, "") for name in ("token", "password", "confirm_password")}
    try:
        backends.users().call("POST", "/auth/reset", body=body)
    except RefusedError as error:
        return _reset_form(body["token"], error.fields), UNPROCESSABLE
    except RejectedError as error:
        return _reset_form(body["token"], {}, str(error)), error.status
    flash("Senha trocada. Entre com a nova senha.", "good")
    return redirect(url_for("accounts.log_in"))


def _forgot_form(errors: dict[str, list[str]], problem: str = "") -> str:
    return render_template("forgot.html", values=request.form, errors=errors, problem=problem)


def _reset_form(token: str, errors: dict[str, list[str]], problem: str = "") -> str:
    return render_template(
        "reset.html",
        token=token,
        errors={name: said for name, said in errors.items() if name != "token"},
        problem=problem or " ".join(errors.get("token", [])),
    )
