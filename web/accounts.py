"""The pages of an account: sign-up, log-in, log-out."""

from apiflask import APIBlueprint
from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from web import backends, sessions
from web.access import public
from web.errors import ApiError, RefusedError, RejectedError, UnauthorizedError
from web.security import own_path

THEMES = {"claro": "light", "escuro": "dark"}
THEME_COOKIE = "tema"

bp = APIBlueprint("accounts", __name__)


@bp.get("/entrar")
@public
def log_in() -> ResponseReturnValue:
    """Show the log-in form; whom we know already goes on."""
    if sessions.person() is not None and not request.args.get("next"):
        return redirect(url_for("home.show"))
    return _log_in_form({})


@bp.post("/entrar")
@public
def start_session() -> ResponseReturnValue:
    """Log in and go to where the person wanted to be."""
    credentials = {name: request.form.get(name, "") for name in ("email", "password")}
    try:
        account = backends.users().call("POST", "/auth", body=credentials)
    except RefusedError as error:
        return _log_in_form(error.fields), 422
    except UnauthorizedError as error:
        return _log_in_form({}, str(error)), 401
    except RejectedError as error:
        return _log_in_form({}, _wait(error)), error.status
    sessions.begin(account)
    return redirect(own_path(request.args.get("next"), url_for("home.show")))


@bp.post("/sair")
@public
def log_out() -> ResponseReturnValue:
    """Revoke the tokens and forget them; an API that is away does not keep anybody in."""
    refresh = sessions.refresh_token()
    if refresh is not None:
        try:
            backends.users().call("POST", "/auth/logout", token=refresh)
        except ApiError:
            flash("Você saiu deste navegador.", "info")
    sessions.end()
    return redirect(url_for("accounts.log_in"))


@bp.get("/criar-conta")
@public
def sign_up() -> ResponseReturnValue:
    """Show the sign-up form."""
    return _sign_up_form({})


@bp.post("/criar-conta")
@public
def create_account() -> ResponseReturnValue:
    """Make the account and log in."""
    names = ("full_name", "email", "cpf_cnpj", "date_of_birth", "password", "confirm_password")
    account = {name: request.form.get(name, "") for name in names}
    try:
        backends.users().call("POST", "/users", body=account)
        known = backends.users().call(
            "POST", "/auth", body={name: account[name] for name in ("email", "password")}
        )
    except RefusedError as error:
        return _sign_up_form(error.fields), 422
    except RejectedError as error:
        return _sign_up_form({}, _wait(error)), error.status
    sessions.begin(known)
    flash("Sua conta está pronta. Agende a primeira consulta.", "good")
    return redirect(own_path(request.args.get("next"), url_for("home.show")))


@bp.post("/tema")
@public
def choose_theme() -> ResponseReturnValue:
    """Remember whether the pages are light or dark, or as the system is."""
    response = redirect(own_path(request.form.get("next"), url_for("home.show")))
    theme = request.form.get("theme", "")
    response.set_cookie(
        THEME_COOKIE,
        theme if theme in THEMES else "",
        max_age=sessions.COOKIE_SECONDS if theme in THEMES else 0,
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return response


def theme() -> str:
    """Return `light` or `dark` as the person chose; empty to be as their system is."""
    return THEMES.get(request.cookies.get(THEME_COOKIE, ""), "")


def _log_in_form(errors: dict[str, list[str]], problem: str = "") -> str:
    return render_template(
        "log_in.html", values=request.form, errors=errors, problem=problem, next=_next()
    )


def _sign_up_form(errors: dict[str, list[str]], problem: str = "") -> str:
    return render_template(
        "sign_up.html", values=request.form, errors=errors, problem=problem, next=_next()
    )


def _next() -> str | None:
    """Return where to go afterwards, if it is a place of ours."""
    return own_path(request.args.get("next"), "") or None


def _wait(error: RejectedError) -> str:
    if error.retry_after is None:
        return str(error)
    minutes = -(-error.retry_after // 60)
    return f"{error} Tente de novo em {minutes} min."
