"""What the OpenAPI document says that the views cannot: the upload, and how the whole is used."""

from apiflask import APIFlask

from agendador.schemas import IdempotencyHeader
from core import openapi
from core.openapi import Clue

DESCRIPTION = """\
Agenda consultas de CNPJ e traz o que elas encontram.

* Todo pedido leva `Authorization: Bearer <token>`, que se obtém em `POST /auth` do serviço de \
contas; cada pessoa vê somente o que é seu.
* Toda resposta é um envelope `{status, resource, message, data}`; um pedido recusado (422) traz \
também `errors: {campo: [mensagens]}`.
* Datas sem fuso são de América/São Paulo; as respostas são em UTC, com `+00:00`.
* Listas grandes são percorridas com `cursor=`, o `next_cursor` da página anterior.
"""

_FIELDS = ("title", "description", "date", "priority", "recurrence")
_UPLOAD = {
    "description": "A tabela, e valores para as linhas que nada dizem.",
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "preview": {"type": "string", "enum": ["true", "false"]},
                    **{name: {} for name in _FIELDS},
                },
            }
        },
        "text/csv": {"schema": {}, "example": "cnpj,titulo\n11222333000181,Café"},
    },
}

_PAGE = {
    "description": "A página salva do navegador como HTML, de até 2 MiB.",
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary"}},
            }
        },
        "text/html": {"schema": {}},
    },
}
_BODIES = {"/jobs/import": _UPLOAD, "/job/{job_id}/page": _PAGE}

_CLUES = (
    Clue("post", "/jobs", "201", "/data/id", "job_id"),
    Clue("get", "/jobs", "200", "/data/items/0/id", "job_id"),
    Clue("get", "/job/{job_id}", "200", "/data/cpf_cnpj", "cnpj"),
    Clue("get", "/results", "200", "/data/0/cnpj", "cnpj"),
    Clue("post", "/calendar", "201", "/data/token", "token"),
    Clue("get", "/admin/errors", "200", "/data/0/id", "event_id"),
)


def complete(app: APIFlask) -> None:
    """Let the document of `app` say so."""
    app.config["INFO"] = {"description": DESCRIPTION}
    openapi.complete(app, clues=_CLUES, headers={"/jobs": IdempotencyHeader}, bodies=_BODIES)
