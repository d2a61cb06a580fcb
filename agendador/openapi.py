"""What the OpenAPI document says that the views cannot: the upload, and how the whole is used."""

from collections.abc import Callable
from typing import Any

from apiflask import APIFlask

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

Spec = dict[str, Any]


def complete(app: APIFlask) -> None:
    """Let the document of `app` say so."""
    common: Callable[[Spec], Spec] = app.spec_callback  # type: ignore[assignment]

    def process(spec: Spec) -> Spec:
        spec["info"]["description"] = DESCRIPTION
        spec["paths"]["/jobs/import"]["post"]["requestBody"] = _UPLOAD
        spec["paths"]["/job/{job_id}/page"]["post"]["requestBody"] = _PAGE
        return common(spec)

    app.spec_processor(process)  # type: ignore[arg-type] # ours is made as a dict
