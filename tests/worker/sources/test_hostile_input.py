"""Whatever a source sends, reading it ends soon, in a Company or a SourceError."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.worker.sources.saved import OURS, ROOT, ours
from worker.sources import receita_page, recognition, registry
from worker.sources.company import Company
from worker.sources.errors import LayoutChanged, SourceError, Unavailable
from worker.sources.markup import MAX_PAGE_BYTES
from worker.sources.settings import WEB_SOURCE_NAMES

SECONDS = 5.0
# Of one page, the program itself included.
MEMORY_BYTES = 512 * 1024 * 1024
READ_IN_BOUNDS = """
import pathlib, resource, sys
from worker.sources import recognition
from worker.sources.errors import SourceError

resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[1]),) * 2)
for name in sys.argv[2:]:
    try:
        recognition.parse(pathlib.Path(name).read_bytes())
    except SourceError:
        pass
"""
PAGES = sorted(path.name for path in OURS.glob("*.html"))
PAYLOADS = sorted(path.stem for path in (OURS / "payloads").glob("*.json"))
TAG_SOUP = [
    "<table>", "<tr>", "<td>", "</td>", "</table>", "<div>", "<b>", "<br>", "<!--", "-->", "<font",
    ">", "&nbsp;", "&#0;", "&#x10FFFF;", "\x00", "NÚMERO", "NÚMERO DE INSCRIÇÃO", "UF", "CNPJ:",
    "12.345.678/0001-95", "CAPITAL SOCIAL:", "QUALIFICAÇÃO:", "<![CDATA[", "<?xml", "<!DOCTYPE",
    "<script>", "</script>", "<textarea>", "<svg>", "<template>", "\ufffd", "(*)", "47.21-1-02 - ",
]  # fmt: skip


def _ends(parse: object, body: bytes) -> None:
    started = time.monotonic()
    try:
        company = parse(body, "")  # type: ignore[operator]
    except SourceError:
        pass
    else:
        assert isinstance(company, Company)
        _assert_storable(company)
    assert time.monotonic() - started < SECONDS


def _assert_storable(company: Company) -> None:
    text = str(company.as_dict())
    assert "\\x00" not in text
    text.encode()


@given(st.binary(max_size=4_000))
@settings(deadline=None)
def test_any_bytes(body: bytes) -> None:
    for name in WEB_SOURCE_NAMES:
        _ends(registry.find(name).parse, body)


@settings(deadline=None)
@given(st.lists(st.sampled_from(TAG_SOUP), max_size=400).map("".join))
def test_any_soup_of_tags_and_labels(page: str) -> None:
    _ends(receita_page.parse, page.encode())


@given(st.data())
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_page_with_bytes_changed(data: st.DataObject) -> None:
    page = bytearray(ours(data.draw(st.sampled_from(PAGES))))
    for _ in range(data.draw(st.integers(1, 8))):
        start = data.draw(st.integers(0, len(page) - 1))
        page[start : start + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=20))
        page = page or bytearray(b"x")

    _ends(receita_page.parse, bytes(page))


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_any_json(value: object) -> None:
    for name in PAYLOADS:
        _ends(registry.find(name).parse, json.dumps(value).encode())


@pytest.mark.parametrize("name", ["certificate-g2", "certificate-g3-two-cards", "qsa"])
def test_a_page_cut_anywhere_never_gives_a_half_filled_company(name: str) -> None:
    page = ours(f"{name}.html")
    whole = receita_page.parse(page)

    for end in range(0, len(page), 97):
        try:
            company = receita_page.parse(page[:end])
        except SourceError:
            continue
        # What comes last may be cut off whole (the date of issue, a further card, a partner): only
        # the length that the server announced tells, and fetching compares it.
        kept = len(company.atividades_secundarias)
        assert company.nome_empresarial == whole.nome_empresarial
        assert company.situacao_cadastral == whole.situacao_cadastral
        assert company.atividades_secundarias == whole.atividades_secundarias[:kept]
        assert kept in {20, len(whole.atividades_secundarias)}


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_cut_anywhere_is_unavailable(name: str) -> None:
    body = ours(f"payloads/{name}.json").rstrip()

    for end in range(1, len(body)):
        with pytest.raises(Unavailable):
            registry.find(name).parse(body[:end], "")


def _bombs() -> Iterator[tuple[str, bytes]]:
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    yield "entities", f'<!DOCTYPE x [<!ENTITY a0 "ha">{entities}]><td>&a9;</td>'.encode()
    for tags in ("<table><tr><td>", "<td>", "<div>", "<b>", "<font>x", "<a><p>", "<svg><desc>"):
        yield tags, (tags * (MAX_PAGE_BYTES // len(tags)))[: MAX_PAGE_BYTES - 1].encode()
    labelled = "<td>UF</td><td>NÚMERO DE INSCRIÇÃO <b>12.345.678/0001-95</b></td>"
    yield "labels", labelled.encode() * (MAX_PAGE_BYTES // len(labelled.encode()) - 1)
    yield "attributes", b"<td " + b"".join(b"a%d=1 " % n for n in range(200_000)) + b">"
    yield "quoted", b"<td " + b"".join(b'a%d=">" ' % n for n in range(160_000)) + b">"
    yield "comments", b"<!--" * 500_000
    yield "spaces", b"<td>" + b" " * 2_000_000
    yield "dashes", b"<td>C\xc3\x93DIGO</td>" + b"47.21-1-02 - " * 150_000
    yield "open tags", b"<a b=' " * 250_000
    yield "open scripts", b"<script " * 250_000
    yield "brackets", b"(N " * 600_000
    yield "asterisks", b"<td>UF<b>" + b"* " * 1_000_000
    yield "numbers", b"&#1114112;" * 200_000
    yield "nul", b"\x00" * 2_000_000
    yield "high", b"\xc3" * 2_000_000
    yield "question marks", b"?" * 2_000_000
    yield "labels within labels", b"<td>UF<font><b>" * 139_000
    yield "labels in boxes", "<i>NÚMERO DE INSCRIÇÃO</i><i>12.345.678/0001-95</i>".encode() * 38_000
    yield "partners", b"<b>Nome/Nome Empresarial:</b><i>x</i>" * 56_000
    yield "partners in lines", b"CAPITAL SOCIAL: 1 " + b"<p>Qualif: <b>x</b> y: <b>z</b>" * 66_000
    yield "read twice", "Ã£Â ".encode() * 290_000
    yield "phones", f"<td>TELEFONE <b>{'(11) ' * 400_000}</b></td>".encode()
    yield (
        "archive",
        b'From: x\nContent-Type: multipart/related; boundary="x"\n'
        + (b"\n--x\nContent-Type: text/html" * 68_000),
    )


def _json_bombs() -> Iterator[tuple[str, bytes]]:
    yield "deep", b'{"message":' * 100_000
    yield "empty", b"[" + b"{}," * 600_000 + b"{}]"
    yield "errors", b'{"errors":[' + b'{"a":1},' * 240_000 + b"{}]}"
    for words in ("CNPJ ", "N O ", "CNPJ TAX ID INV", "INVALID "):
        yield words, b'{"message":"' + words.encode() * (2_000_000 // len(words)) + b'"}'


@pytest.mark.parametrize("bomb", [pytest.param(body, id=name) for name, body in _bombs()])
def test_a_bomb_is_over_soon(bomb: bytes) -> None:
    _ends(receita_page.parse, bomb)


@pytest.mark.parametrize("bomb", [pytest.param(body, id=name) for name, body in _json_bombs()])
def test_a_bomb_of_json_is_over_soon(bomb: bytes) -> None:
    _ends(recognition.parse, bomb)


def test_no_bomb_takes_more_memory_than_its_bound(tmp_path: Path) -> None:
    bombs = dict(_bombs()) | dict(_json_bombs())
    for number, name in enumerate(("high", "question marks", "<b>", "errors", "empty")):
        (tmp_path / str(number)).write_bytes(bombs[name])

    done = subprocess.run(  # noqa: S603 our own program
        [sys.executable, "-c", READ_IN_BOUNDS, str(MEMORY_BYTES), *map(str, tmp_path.iterdir())],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_page_larger_than_any_real_one_is_not_even_read() -> None:
    started = time.monotonic()

    with pytest.raises(Unavailable):
        receita_page.parse(b"<div>" * 10_000_000)

    assert time.monotonic() - started < SECONDS


def test_nul_bytes_do_not_hide_the_rest() -> None:
    page = ours("certificate-g2.html")

    assert receita_page.parse(b"\x00" + page.replace(b"<td", b"\x00<td")) == receita_page.parse(
        page
    )


def test_an_empty_page_is_a_changed_layout() -> None:
    for page in (b"", b" ", b"<!-- -->", b"\x00"):
        with pytest.raises(LayoutChanged):
            receita_page.parse(page)
