"""Sign-up."""

from apiflask import APIBlueprint
from flask import Response

from core import web
from users import accounts
from users.errors import TakenError
from users.schemas import AccountIn, AccountOut
from users.services import services

CREATED = 201
UNPROCESSABLE = 422

bp = APIBlueprint("signup", __name__, tag="Contas")

_TAKEN = {
    "email": "Já existe uma conta com este e-mail.",
    "cpf_cnpj": "Já existe uma conta com este CPF ou CNPJ.",
}


@bp.post("/users")
@bp.input(AccountIn)
@bp.output(AccountOut, status_code=CREATED)
@bp.doc(summary="Cria uma conta", responses=[400])
def sign_up(json_data: AccountIn) -> Response:
    """Make an account."""
    wanted = json_data.model_dump(exclude={"confirm_password"})
    try:
        account = accounts.register(services().store, **wanted)
    except TakenError as exc:
        return web.refuse(UNPROCESSABLE, errors={exc.field: [_TAKEN[exc.field]]})
    return web.answer("users", "Conta criada.", account, CREATED)
