"""Sign-up."""

from apiflask import APIBlueprint
from flask import Response

from core import web
from users import accounts, limits
from users.schemas import AccountIn, AccountOut
from users.services import services

CREATED = 201

bp = APIBlueprint("signup", __name__, tag="Contas")


@bp.post("/users")
@bp.input(AccountIn)
@bp.output(AccountOut, status_code=CREATED)
@bp.doc(summary="Cria uma conta", responses=[400, 429, 503])
@limits.sign_up
def sign_up(json_data: AccountIn) -> Response:
    """Make an account."""
    wanted = json_data.model_dump(exclude={"confirm_password"})
    account = accounts.register(services().store, **wanted)
    return web.answer("users", "Conta criada.", accounts.shown(account), CREATED)
