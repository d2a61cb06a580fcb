"""Accounts for administrators: list, find, change, deactivate."""

from apiflask import APIBlueprint
from flask import Response

from core import web
from core.documents import InvalidDocumentError, parse_cpf_cnpj
from core.tokens import caller
from users import accounts
from users.access import admins_only
from users.errors import NoAccountError
from users.schemas import AccountOut, AccountPage, AdminChanges, PageQuery
from users.services import services
from users.store import Document

bp = APIBlueprint("admin", __name__, url_prefix="/admin/users", tag="Administração")


@bp.get("/page/<int:page>")
@admins_only
@bp.input(PageQuery, location="query")
@bp.output(AccountPage)
@bp.doc(
    security="bearer", summary="Lista as contas, da mais nova à mais antiga",
    responses=[401, 403, 404, 503],
)  # fmt: skip
def list_page(page: int, query_data: PageQuery) -> Response:
    """Answer one page of the accounts."""
    size = query_data.page_size
    rows, total = services().store.list_accounts(page, size)
    has_next = page * size < total
    data = {
        "items": [accounts.shown(row) for row in rows],
        "page": page,
        "per_page": size,
        "total": total,
        "has_next": has_next,
        "has_prev": page > 1,
        "next_num": page + 1 if has_next else None,
        "prev_num": page - 1 if page > 1 else None,
    }
    return web.answer("admin", "Contas listadas.", data)


@bp.get("/cpf/<path:cpf_cnpj>")
@admins_only
@bp.output(AccountOut)
@bp.doc(
    security="bearer",
    summary="Procura a conta de um CPF ou CNPJ, com ou sem pontuação",
    responses=[401, 403, 404, 503],
)
def find(cpf_cnpj: str) -> Response:
    """Answer the account of a CPF or CNPJ; nobody has one that is invalid."""
    try:
        account = accounts.get_by_document(services().store, parse_cpf_cnpj(cpf_cnpj))
    except InvalidDocumentError as exc:
        raise NoAccountError from exc
    return _answer("Conta encontrada.", account)


@bp.get("/<account_id>")
@admins_only
@bp.output(AccountOut)
@bp.doc(security="bearer", summary="Mostra uma conta", responses=[401, 403, 404, 503])
def show(account_id: str) -> Response:
    """Answer an account."""
    return _answer("Conta encontrada.", accounts.get(services().store, account_id))


@bp.put("/<account_id>")
@admins_only
@bp.input(AdminChanges)
@bp.output(AccountOut)
@bp.doc(
    security="bearer",
    summary="Altera uma conta; o que não é enviado fica como está",
    responses=[400, 401, 403, 404, 409, 503],
)
def change(account_id: str, json_data: AdminChanges) -> Response:
    """Change an account."""
    return _answer("Conta alterada.", _change(account_id, json_data))


@bp.delete("/<account_id>")
@admins_only
@bp.output(AccountOut)
@bp.doc(security="bearer", summary="Desativa uma conta", responses=[401, 403, 404, 409, 503])
def deactivate(account_id: str) -> Response:
    """Deactivate an account: it can neither log in nor renew its tokens."""
    return _answer("Conta desativada.", _change(account_id, AdminChanges(active=False)))


def _change(account_id: str, changes: AdminChanges) -> Document:
    store = services().store
    account = accounts.get(store, account_id)
    return accounts.change(store, account, changes.changes(), caller().user_id)


def _answer(message: str, account: Document) -> Response:
    return web.answer("admin", message, accounts.shown(account))
