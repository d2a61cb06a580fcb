import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.worker.sources.saved import ours
from worker.sources import registry
from worker.sources.company import Company, Partner
from worker.sources.errors import (
    Captcha,
    InvalidCnpj,
    LayoutChanged,
    NotFound,
    RateLimited,
    SourceError,
    Unavailable,
    WrongCompany,
)

CNPJ = "12345678000195"
BAKERY = Company(
    cnpj=CNPJ,
    matriz_filial="MATRIZ",
    data_abertura="1999-02-03",
    nome_empresarial="PÃO & CIRCO COMÉRCIO LTDA",
    nome_fantasia="PADARIA DA PRAÇA",
    porte="EPP",
    atividade_principal="01.11-3-01 - Cultivo de arroz - irrigado",
    atividades_secundarias=("56.11-2-03 - Lanchonetes, casas de chá, de sucos e similares",),
    natureza_juridica="206-2 - Sociedade Empresária Limitada",
    logradouro="RUA SÃO JOÃO",
    numero="12-A",
    complemento="LOJA 2",
    cep="01034-001",
    bairro="SÉ",
    municipio="SÃO PAULO",
    uf="SP",
    email="contato@padaria.example",
    telefone="(11) 3348-2382 / (11) 93348-2248",
    situacao_cadastral="ATIVA",
    data_situacao_cadastral="2005-11-03",
    situacao_especial="EM RECUPERAÇÃO JUDICIAL",
    data_situacao_especial="2020-01-31",
    quadro_societario=(Partner("MARIA DA CONCEIÇÃO", "Sócio-Administrador"),),
    capital_social="200000.00",
)
# What differs is what a source does not tell, or tells in its own words.
OF_SOURCE = {
    "minhareceita": BAKERY,
    "brasilapi": BAKERY,
    "opencnpj": replace(
        BAKERY,
        atividade_principal="01.11-3-01",
        atividades_secundarias=("56.11-2-03",),
        natureza_juridica="Sociedade Empresária Limitada",
    ),
    "cnpjws": replace(BAKERY, data_da_base="2025-07-12"),
    "receitaws": replace(
        BAKERY,
        data_da_base="2025-07-12",
        quadro_societario=(Partner("MARIA DA CONCEIÇÃO", "49-Sócio-Administrador"),),
    ),
    "cnpja": replace(BAKERY, data_da_base="2025-07-12"),
}
SOURCES = sorted(OF_SOURCE)


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_gives_the_same_company(name: str) -> None:
    assert _parse(name, ours(f"payloads/{name}.json")) == OF_SOURCE[name]


@pytest.mark.parametrize("name", SOURCES)
def test_an_answer_about_another_company_is_refused(name: str) -> None:
    with pytest.raises(WrongCompany):
        registry.find(name).parse(ours(f"payloads/{name}.json"), "12ABC34501DE35")


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("odd", [None, 0, "", [], {}, "********", True, 7.5, [None], {"x": 1}])
def test_fields_of_an_unexpected_kind_are_survived(name: str, odd: object) -> None:
    for path in _paths(json.loads(ours(f"payloads/{name}.json"))):
        data = json.loads(ours(f"payloads/{name}.json"))
        _put(data, path, odd)
        try:
            assert isinstance(_parse(name, json.dumps(data).encode()), Company)
        except SourceError:
            continue


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"null", b"3", b'"x"', b'{"cnpj": "12345678000195"}']
)
def test_an_answer_that_says_nothing_is_a_changed_layout(name: str, body: bytes) -> None:
    with pytest.raises(LayoutChanged) as caught:
        _parse(name, body)

    assert "nome_empresarial" in caught.value.missing


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"a": 1', b"\xff\xfe", b"[" * 100_000, b'{"a": ' + b"9" * 5_000 + b"}", b"ok"],
)
def test_an_unreadable_answer_is_unavailable(name: str, body: bytes) -> None:
    with pytest.raises(Unavailable):
        _parse(name, body)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("<!DOCTYPE html><title>Just a moment...</title>", Captcha),
        ("\n <html><body>complete o captcha</body></html>", Captcha),
        ("<html><h1>502 Bad Gateway</h1></html>", Unavailable),
        ("<title>Access denied</title>Error 1015 You are being rate limited", RateLimited),
        ("Too many requests, please try again later.", RateLimited),
        ("404 page not found", Unavailable),
    ],
)
def test_what_is_no_json_is_told_by_what_it_says(
    name: str, body: str, error: type[SourceError]
) -> None:
    with pytest.raises(error):
        _parse(name, body.encode())


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"message": "CNPJ 12.345.678/0001-95 não encontrado."}, NotFound),
        ({"message": "CNPJ 12.345.678/0001-95 n\ufffdo encontrado."}, NotFound),
        ({"message": "CNPJ não encontrado", "type": "not_found"}, NotFound),
        ({"error": "not found"}, NotFound),
        ({"error": "CNPJ not found"}, NotFound),
        ({"status": "ERROR", "message": "CNPJ rejeitado pela Receita Federal"}, NotFound),
        ({"code": 404, "message": "registration not found"}, NotFound),
        ({"message": "CNPJ 123 inválido."}, InvalidCnpj),
        ({"status": "ERROR", "message": "CNPJ inválido"}, InvalidCnpj),
        ({"error": "invalid CNPJ"}, InvalidCnpj),
        ({"code": 400, "constraints": ["taxId must be a valid CNPJ"]}, InvalidCnpj),
        ({"message": "O CNPJ não foi encontrado na base de dados"}, NotFound),
        ({"error": {"code": 404, "message": "CNPJ not found"}}, NotFound),
        ({"code": 400, "message": "tax id is not valid"}, InvalidCnpj),
        ({"errors": [{"message": "CNPJ inválido"}]}, InvalidCnpj),
        ({"title": "Error 1015: You are being rate limited", "status": 429}, RateLimited),
        ({"error": {"code": "504", "message": "An error occurred"}}, Unavailable),
        ({"error": "invalid shard payload"}, Unavailable),
        ({"message": "Erro interno", "type": "internal"}, Unavailable),
        ({"status": 429, "titulo": "Muitas requisições", "detalhes": "Espere."}, RateLimited),
        ({"code": 429, "message": "not enough credits"}, RateLimited),
        ({"status": "ERROR", "message": "Too many requests, please try again later"}, RateLimited),
    ],
)
@pytest.mark.parametrize("name", SOURCES)
def test_an_error_is_told_by_what_it_says(
    name: str, body: dict[str, Any], error: type[SourceError]
) -> None:
    with pytest.raises(SourceError) as caught:
        _parse(name, json.dumps(body).encode())

    assert type(caught.value) is error


def test_the_moment_from_which_one_may_ask_again_is_read() -> None:
    release = (datetime.now(UTC) + timedelta(seconds=50)).strftime("%a %b %d %Y %H:%M:%S GMT+0000")
    body = {
        "status": 429,
        "titulo": "Muitas requisições",
        "detalhes": f"Liberação em {release} (X)",
    }

    with pytest.raises(RateLimited) as caught:
        _parse("cnpjws", json.dumps(body).encode())

    assert caught.value.retry_after == pytest.approx(50, abs=3)


def _parse(name: str, body: bytes) -> Company:
    return registry.find(name).parse(body, CNPJ)


def _paths(data: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    children: list[tuple[str | int, object]] = []
    if isinstance(data, dict):
        children = list(data.items())
    elif isinstance(data, list):
        children = list(enumerate(data))
    return [
        deeper for key, value in children for deeper in [(*path, key), *_paths(value, (*path, key))]
    ]


def _put(data: Any, path: tuple[str | int, ...], value: object) -> None:
    for key in path[:-1]:
        data = data[key]
    data[path[-1]] = value
