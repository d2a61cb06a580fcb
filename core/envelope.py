"""The shape of every answer, and what the usual errors say.

`{"status", "resource", "message", "data"}`; a refused payload (422) has
`errors: {field: [messages]}` too.
"""

from typing import Any

from pydantic import BaseModel

MESSAGES = {
    400: "Requisição malformada.",
    401: "Autenticação necessária.",
    403: "Acesso negado.",
    404: "Não encontrado.",
    405: "Método não permitido.",
    413: "O corpo da requisição é grande demais.",
    415: "Envie JSON, com o cabeçalho Content-Type: application/json.",
    422: "Dados inválidos: veja os campos em errors.",
    429: "Muitas requisições. Tente de novo daqui a pouco.",
    500: "Erro interno. Informe o X-Request-ID ao suporte.",
    503: "Serviço temporariamente indisponível. Tente de novo em instantes.",
}


class Envelope(BaseModel):
    """The shape of every answer; `data` depends on the call."""

    status: int
    resource: str
    message: str
    data: Any


class ErrorEnvelope(Envelope):
    """The shape of an error; `errors` maps fields to messages on a refused payload."""

    data: None = None
    errors: dict[str, list[str]] | None = None
