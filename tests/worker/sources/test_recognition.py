import json

import pytest

from tests.worker.sources.saved import OURS, ours
from worker.sources import recognition, registry
from worker.sources.errors import InvalidCnpj, LayoutChanged, NotFound, SourceError, Unavailable

CNPJ = "12345678000195"
PAYLOADS = sorted(path.stem for path in (OURS / "payloads").glob("*.json"))


@pytest.mark.parametrize("name", PAYLOADS)
def test_an_answer_is_read_as_its_own_source_reads_it(name: str) -> None:
    body = ours(f"payloads/{name}.json")

    assert recognition.parse(body, CNPJ) == registry.find(name).parse(body, CNPJ)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_an_answer_is_known_in_any_encoding(encoding: str) -> None:
    body = ours("payloads/cnpja.json").decode()

    assert recognition.parse(body.encode(encoding)) == recognition.parse(body.encode())


@pytest.mark.parametrize("name", ["certificate-g2", "qsa"])
def test_a_page_is_read_as_the_receita_s(name: str) -> None:
    assert recognition.parse(ours(f"{name}.html")).as_dict() == json.loads(ours(f"{name}.json"))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"message": "CNPJ 123 inv\xc3\xa1lido."}', InvalidCnpj),
        (b'{"error": "not found"}', NotFound),
        (b'{"razao_social": "X"}', LayoutChanged),
        (b"{}", LayoutChanged),
        (b"[1]", LayoutChanged),
        (b'{"cnpj": "', Unavailable),
        (b"", LayoutChanged),
    ],
)
def test_an_answer_that_is_no_company_is_told(body: bytes, error: type[SourceError]) -> None:
    with pytest.raises(SourceError) as caught:
        recognition.parse(body)

    assert type(caught.value) is error


def test_of_what_is_missing_the_nearest_source_tells() -> None:
    with pytest.raises(LayoutChanged) as caught:
        recognition.parse(b'{"taxId": "12345678000195", "status": {"id": 2}}')

    assert caught.value.missing == ("nome_empresarial",)
