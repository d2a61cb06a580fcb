"""Contexts as the ledger's mail rows hold them, and how a mail is opened."""

import json
import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from lxml import html

from worker.mails import render

STARTED: dict[str, Any] = {
    "job_id": 42,
    "run_id": "0192f3c4-7f1e-7aaa-9b1d-3a5a5a5a5a5a",
    "title": "Fornecedor de pães",
    "cpf_cnpj": "12ABC34501DE35",
    "priority": 5,
    "date": "2026-11-25T01:30:00+00:00",
    "started_at": "2026-11-25T01:31:03.123456+00:00",
}

COMPANY: dict[str, Any] = {
    "cnpj": "12ABC34501DE35",
    "matriz_filial": "MATRIZ",
    "data_abertura": "2011-03-09",
    "nome_empresarial": "PADARIA SÃO JOÃO LTDA",
    "nome_fantasia": "PÃO QUENTE",
    "porte": "EPP",
    "atividade_principal": "10.91-1-02 - Fabricação de produtos de padaria",
    "atividades_secundarias": ["56.11-2-03 - Lanchonetes"],
    "natureza_juridica": "206-2 - Sociedade Empresária Limitada",
    "logradouro": "RUA DAS LARANJEIRAS",
    "numero": "123",
    "complemento": "",
    "cep": "40279-120",
    "bairro": "RIO VERMELHO",
    "municipio": "SALVADOR",
    "uf": "BA",
    "email": "contato@pao.example",
    "telefone": "(71) 3348-2382",
    "efr": "",
    "situacao_cadastral": "ATIVA",
    "data_situacao_cadastral": "2012-04-10",
    "motivo_situacao_cadastral": "",
    "situacao_especial": "",
    "data_situacao_especial": "",
    "quadro_societario": [
        {"nome": "MARIA DA CONCEIÇÃO", "qualificacao": "49-Sócio-Administrador"},
        {"nome": "JOÃO BATISTA", "qualificacao": "22-Sócio"},
    ],
    "capital_social": "1234567.5",
    "source": "brasilapi",
    "data_pesquisa": "2026-11-24",
    "hora_pesquisa": "22:31:04",
    "data_da_base": "2026-11-10",
}

FINISHED: dict[str, Any] = {
    **STARTED,
    "status": "processed",
    "error_code": None,
    "error_detail": None,
    "source": "brasilapi",
    "finished_at": "2026-11-25T01:31:05+00:00",
    "duration_ms": 1840,
    "company": COMPANY,
    "changes": [],
}

SUMMARY: dict[str, Any] = {
    "day": "2026-11-24",
    "total": 7,
    "counts": {
        "processed": 2,
        "error": 1,
        "cancelled": 1,
        "queued": 1,
        "processing": 1,
        "created": 1,
    },
    "jobs": [
        {
            "job_id": 1,
            "title": "Fornecedor de pães",
            "cpf_cnpj": "12ABC34501DE35",
            "priority": 5,
            "status": "processed",
            "date": "2026-11-24T12:00:00+00:00",
            "finished_at": "2026-11-24T12:00:04+00:00",
            "nome_empresarial": "PADARIA SÃO JOÃO LTDA",
            "situacao_cadastral": "INAPTA",
            "error_code": None,
        },
        {
            "job_id": 2,
            "title": "Contrato 88",
            "cpf_cnpj": "00000000E08G12",
            "priority": 0,
            "status": "error",
            "date": "2026-11-24T12:00:00+00:00",
            "finished_at": "2026-11-24T15:30:04+00:00",
            "nome_empresarial": "",
            "situacao_cadastral": "",
            "error_code": "not_found",
        },
        {
            "job_id": 3,
            "title": "Desistência",
            "cpf_cnpj": "00000000000191",
            "priority": 0,
            "status": "cancelled",
            "date": "2026-11-24T12:00:00+00:00",
            "finished_at": None,
            "nome_empresarial": "",
            "situacao_cadastral": "",
            "error_code": None,
        },
        {
            "job_id": 4,
            "title": "Em curso",
            "cpf_cnpj": "00000000000191",
            "priority": 3,
            "status": "processing",
            "date": "2026-11-24T21:59:00+00:00",
            "finished_at": None,
            "nome_empresarial": "",
            "situacao_cadastral": "",
            "error_code": None,
        },
        {
            "job_id": 5,
            "title": "Mais tarde",
            "cpf_cnpj": "00000000000191",
            "priority": 2,
            "status": "created",
            "date": "2026-11-25T01:45:00+00:00",
            "finished_at": None,
            "nome_empresarial": "",
            "situacao_cadastral": "",
            "error_code": None,
        },
    ],
    "omitted": 2,
    "unsubscribe_token": "0d5a3ff0-1b6e-4c1f-9d1e-6f0d1a2b3c4d",
    "api_url": "https://api.example/",
}


def failed(code: str | None, status: str = "error", **more: Any) -> dict[str, Any]:
    """Return the context of a run that brought no company."""
    return {**FINISHED, "status": status, "error_code": code, "company": None, **more}


def mail(kind: str, context: dict[str, Any], **more: Any) -> EmailMessage:
    """Render a context that has been through JSON, and open what goes over the wire."""
    values: dict[str, Any] = {
        "key": "run:0192:finished",
        "recipient": "ana@example.com",
        "sender": "Agendador de consultas <agendador@example.org>",
        **more,
    }
    message = render(kind, json.loads(json.dumps(context)), **values)
    return message_from_bytes(message.content, policy=default)


def plain(message: EmailMessage) -> str:
    """Return the text part."""
    return _content(message, "plain")


def source(message: EmailMessage) -> str:
    """Return the HTML part as it was sent."""
    return _content(message, "html")


def shown(message: EmailMessage) -> str:
    """Return the text that a person sees of the HTML part."""
    (body,) = html.document_fromstring(source(message)).xpath("//body")
    return " ".join("\n".join(body.itertext()).split())


def words(text: str) -> set[str]:
    """Return the words and numbers of a text, regardless of case and place."""
    return {word for word in re.findall(r"\w+", text.casefold()) if len(word) > 1}


def _content(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    assert part is not None
    content: str = part.get_content()
    return content.replace("\r\n", "\n")
