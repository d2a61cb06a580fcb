import io
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import openpyxl
import pytest
from apiflask import APIFlask
from sqlalchemy import Engine

from tests.agendador.conftest import Caller, Users
from tests.agendador.ledgers import count, finish, messages
from tests.clients import Broker
from tests.people import MARIA, alphanumeric_cnpj, cnpj

DATE = "2031-03-01T09:00"
SHEET = "xl/worksheets/sheet1.xml"


def send(caller: Caller, content: str | bytes, **fields: str) -> Any:
    raw = content.encode() if isinstance(content, str) else content
    return caller.post("/jobs/import", data={"file": (io.BytesIO(raw), "tabela.csv"), **fields})


def statuses(answer: Any) -> list[str]:
    assert answer.status_code in {200, 201}, answer.json
    return [row["status"] for row in answer.json["data"]["rows"]]


def workbook(*rows: tuple[Any, ...]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


def test_a_preview_tells_what_would_become_of_each_row_and_keeps_nothing(maria: Caller) -> None:
    table = f"cnpj,titulo,data\n{cnpj(1)},Padaria,{DATE}\n123,Errada,{DATE}\n"

    tried = send(maria, table, preview="true")

    assert tried.status_code == 200
    assert statuses(tried) == ["created", "refused"]
    assert [row["job_id"] for row in tried.json["data"]["rows"]] == [None, None]
    assert maria.get("/jobs").json["data"]["total"] == 0
    assert statuses(send(maria, table)) == ["created", "refused"]
    assert statuses(send(maria, table, preview="true")) == ["existing", "refused"]
    assert list(send(maria, table, preview="sim").json["errors"]) == ["preview"]


def test_each_row_tells_what_became_of_it(maria: Caller) -> None:
    answer = send(
        maria,
        "cnpj,titulo,data,prioridade\n"
        f"{cnpj(1)},Padaria,{DATE},5\n"
        f"{cnpj(2)},Mercado,31/12/2031 08:00,\n"
        f"11222333000182,Errada,{DATE},9\n"
        f"{cnpj(1)},Padaria,{DATE},5\n"
        "\n"
        f"{alphanumeric_cnpj(3).lower()},,,\n",
    )
    data = answer.json["data"]

    assert answer.status_code == 201
    assert statuses(answer) == ["created", "created", "refused", "repeated", "created"]
    assert [row["row"] for row in data["rows"]] == [2, 3, 4, 5, 7]
    assert set(data["rows"][2]["errors"]) == {"cpf_cnpj", "priority"}
    assert data["rows"][3]["job_id"] == data["rows"][0]["job_id"]
    assert "linha 2" in data["rows"][3]["notice"]
    assert {k: data[k] for k in ("lines", "created", "existing", "repeated", "refused")} == {
        "lines": 5, "created": 3, "existing": 0, "repeated": 1, "refused": 1,
    }  # fmt: skip
    jobs = {job["cpf_cnpj"]: job for job in maria.get("/jobs").json["data"]["items"]}
    assert jobs[cnpj(1)]["priority"] == 5
    assert jobs[cnpj(2)]["date"] == "2031-12-31T11:00:00+00:00"
    assert jobs[alphanumeric_cnpj(3)]["title"].startswith("Consulta de AB.000.3YZ")


def test_importing_the_same_again_makes_nothing_twice(maria: Caller, ledger: Engine) -> None:
    table = "\n".join(["cnpj", *(cnpj(number) for number in range(20))])

    first, second = send(maria, table), send(maria, table)

    assert statuses(first) == ["created"] * 20
    assert second.status_code == 200
    assert statuses(second) == ["existing"] * 20
    assert [row["job_id"] for row in second.json["data"]["rows"]] == [
        row["job_id"] for row in first.json["data"]["rows"]
    ]
    assert count(ledger, "job") == 20


def progress(caller: Caller, import_id: int) -> dict[str, Any]:
    found: dict[str, Any] = caller.get(f"/imports/{import_id}").json["data"]
    return found


def test_how_far_an_import_is_can_be_followed(maria: Caller, ledger: Engine) -> None:
    table = f"cnpj,titulo\n{cnpj(1)},Padaria\n{cnpj(2)},Mercado\n{cnpj(3)},Banca\n123,Errada\n"
    maria.post("/jobs", json={"title": "x", "cpf_cnpj": cnpj(9), "date": DATE})

    answer = send(maria, table, date=DATE).json["data"]
    first, second, third = (row["job_id"] for row in answer["rows"][:3])
    finish(ledger, first)
    maria.delete(f"/job/{third}")

    now = progress(maria, answer["import_id"])
    assert (now["lines"], now["made"]) == (4, 3)
    assert {name: jobs for name, jobs in now["by_status"].items() if jobs} == {
        "processed": 1, "created": 1,
    }  # fmt: skip
    assert now["next_run_at"] == "2031-03-01T12:00:00+00:00"
    mine = maria.get("/jobs", query_string={"import_id": answer["import_id"]}).json["data"]
    assert [job["id"] for job in mine["items"]] == [second, first]
    again = send(maria, table, date=DATE).json["data"]["import_id"]
    assert progress(maria, again)["made"] == 1
    assert [one["id"] for one in maria.get("/imports").json["data"]] == [again, now["id"]]
    assert maria.get("/imports/999999").status_code == 404


def test_thousands_of_rows_are_imported_in_seconds(maria: Caller, ledger: Engine) -> None:
    table = "\n".join(["cnpj;titulo", *(f"{cnpj(n)};Empresa {n}" for n in range(5_000))])
    began = time.monotonic()

    answer = send(maria, table)

    assert answer.json["data"]["created"] == count(ledger, "job") == 5_000
    ids = [row["job_id"] for row in answer.json["data"]["rows"]]
    assert ids == sorted(ids)
    assert time.monotonic() - began < 15
    assert list(send(maria, f"{table}\n{cnpj(6000)}").json["errors"]) == ["file"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_the_usual_shapes_of_csv_are_understood(
    maria: Caller, separator: str, encoding: str
) -> None:
    lines = [["Título", "CNPJ"], ['"Café ""do"" João"', cnpj(1)]]
    table = "\r\n".join(separator.join(line) for line in lines)

    assert statuses(send(maria, table.encode(encoding))) == ["created"]
    (job,) = maria.get("/jobs").json["data"]["items"]
    assert job["title"] == 'Café "do" João'


@pytest.mark.parametrize("content", [b"cnpj\n\0\n", b"\0" * 1_000, bytes(range(256)) * 10])
def test_what_is_no_text_is_refused_and_told_apart(maria: Caller, content: bytes) -> None:
    answer = send(maria, content)

    assert answer.status_code == 422
    assert "CSV UTF-8 ou XLSX" in answer.json["errors"]["file"][0]


def test_a_list_without_header_is_of_cnpjs(maria: Caller) -> None:
    assert statuses(send(maria, f"{cnpj(1)}\n{cnpj(2)}\n")) == ["created"] * 2
    assert statuses(send(maria, f"sep=;\n{cnpj(3)};x\n")) == ["created"]


def test_zeros_that_a_spreadsheet_took_away_are_put_back_and_told(maria: Caller) -> None:
    answer = send(maria, f"cnpj\n191\n{int(cnpj(1))}\n12345\n1,12223E+13\n")
    rows = answer.json["data"]["rows"]

    assert statuses(answer) == ["created", "created", "refused", "refused"]
    assert rows[0]["cpf_cnpj"] == "00000000000191"
    assert "191" in rows[0]["notice"]
    assert (
        "Excel"
        in send(maria, 'cnpj\n"1,12223E+13"\n').json["data"]["rows"][0]["errors"]["cpf_cnpj"][0]
    )


def test_a_workbook_is_read(maria: Caller) -> None:
    when = datetime.fromisoformat(DATE)
    table = workbook(
        ("CNPJ", "Prioridade", "Data"), (191, 4, when), (cnpj(2), "2", None), (None, None, None)
    )

    assert statuses(send(maria, table)) == ["created", "created"]
    jobs = {job["cpf_cnpj"]: job for job in maria.get("/jobs").json["data"]["items"]}
    assert jobs["00000000000191"]["priority"] == 4
    assert jobs["00000000000191"]["date"] == "2031-03-01T12:00:00+00:00"


def test_a_table_may_be_the_body_and_defaults_in_the_query(maria: Caller) -> None:
    answer = maria.post(
        f"/jobs/import?date={DATE}&priority=2&title=Lote", data=cnpj(1), content_type="text/csv"
    )

    assert statuses(answer) == ["created"]
    (job,) = maria.get("/jobs").json["data"]["items"]
    assert (job["title"], job["priority"]) == ("Lote", 2)
    assert job["date"] == "2031-03-01T12:00:00+00:00"


def bomb() -> bytes:
    saved = io.BytesIO()
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 30_000_000)
    return saved.getvalue()


def entities() -> bytes:
    """Return a workbook whose shared strings expand to a billion characters."""
    original = io.BytesIO(workbook(("cnpj",), (cnpj(1),)))
    saved = io.BytesIO()
    laughs = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "x" * 10}">' for n in range(10))
    with zipfile.ZipFile(original) as old, zipfile.ZipFile(saved, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("sheet1.xml"):
                root = content.decode().removeprefix("<?xml version='1.0' encoding='utf-8'?>")
                content = f"<!DOCTYPE worksheet [{laughs}]>{root}".replace("cnpj", "&a9;").encode()
            new.writestr(name, content)
    return saved.getvalue()


def repacked(part: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a workbook one of whose parts says something else."""
    original = io.BytesIO(workbook(("cnpj",), (cnpj(1),)))
    saved = io.BytesIO()
    with zipfile.ZipFile(original) as old, zipfile.ZipFile(saved, "w", method) as new:
        for name in old.namelist():
            new.writestr(name, content if name == part else old.read(name))
    return saved.getvalue()


HOSTILE: dict[str, Callable[[], str | bytes]] = {
    "empty": lambda: "",
    "blank": lambda: "\n\n",
    "no column": lambda: "empresa;cidade\nx;y\n",
    "other column": lambda: "titulo\nx\n",
    "a blank line first": lambda: "\nx\n",
    "huge field": lambda: '"' + "x" * 200_000,
    "no workbook": lambda: b"PK\x03\x04" + b"x" * 100,
    "half a workbook": lambda: workbook(("cnpj",), (cnpj(1),))[:2_000],
    "bomb": bomb,
    "entities": entities,
    "many tags": lambda: repacked(SHEET, b"<worksheet>" + b"<a>" * 6_000_000),
    "many styles": lambda: repacked(
        "xl/styles.xml", b"<styleSheet><cellXfs>" + b"<xf/>" * 600_000 + b"</cellXfs></styleSheet>"
    ),
    "a part that is no XML": lambda: repacked("xl/styles.xml", b"<a><b>"),
    "packed in LZMA": lambda: repacked("", b"", zipfile.ZIP_LZMA),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_table_is_refused(
    maria: Caller, ledger: Engine, declared_broker: Broker, kind: str
) -> None:
    answer = send(maria, HOSTILE[kind]())

    assert answer.status_code == answer.json["status"] == 422
    assert list(answer.json["errors"]) == ["file"]
    assert count(ledger, "job") == 0
    assert len(messages(declared_broker, "payload_error")) == 1


def test_without_a_file_or_with_megabytes_it_is_refused(maria: Caller) -> None:
    assert maria.post("/jobs/import", data={}).status_code == 422
    assert maria.post("/jobs/import", data={"x": (io.BytesIO(b"y"), "y")}).status_code == 422
    large = maria.post("/jobs/import", data=b"1" * 6_000_000, content_type="text/csv")
    assert large.status_code == 413


def test_a_rule_without_a_date_refuses_its_row_alone(maria: Caller) -> None:
    rows = f"cnpj;data;recorrencia\n{cnpj(1)};{DATE};FREQ=DAILY\n{cnpj(2)};{DATE};FREQ=DAILY;X\n"
    ended = f'cnpj;data;recorrencia\n{cnpj(3)};{DATE};"FREQ=DAILY;UNTIL=20300101"\n'

    assert statuses(send(maria, rows)) == ["created", "created"]
    assert statuses(send(maria, ended)) == ["refused"]


def test_what_was_accepted_at_the_limit_can_be_sent_again(
    make_app: Callable[..., APIFlask], users: Users
) -> None:
    maria = Caller(make_app(MAX_OPEN_JOBS="2").test_client(), users.token(MARIA))
    body = {"title": "x", "cpf_cnpj": cnpj(5), "date": DATE}
    key = {"Idempotency-Key": "pedido-1"}

    assert statuses(send(maria, cnpj(1))) == ["created"]
    for _ in range(2):
        assert maria.post("/jobs", json=body, headers=key).status_code == 201
    assert statuses(send(maria, cnpj(1))) == ["existing"]


def test_there_is_a_limit_of_open_jobs_and_of_imports(
    make_app: Callable[..., APIFlask], users: Users, ledger: Engine
) -> None:
    app = make_app(MAX_OPEN_JOBS="3", MAX_IMPORTS_PER_HOUR="2")
    maria = Caller(app.test_client(), users.token(MARIA))

    assert statuses(send(maria, f"{cnpj(1)}\n{cnpj(2)}\n")) == ["created", "created"]
    too_many = send(maria, f"{cnpj(3)}\n{cnpj(4)}\n")
    assert too_many.status_code == 409
    assert "limite é de 3" in too_many.json["message"]
    assert statuses(send(maria, cnpj(3))) == ["created"]
    body = {"title": "x", "cpf_cnpj": cnpj(5), "date": DATE}
    assert maria.post("/jobs", json=body).status_code == 409
    assert count(ledger, "job") == 3
    again = send(maria, cnpj(1))
    assert again.status_code == 429
    assert int(again.headers["Retry-After"]) > 0
    assert count(ledger, "job") == 3


def test_imports_sent_at_once_are_made_one_after_the_other(
    make_app: Callable[..., APIFlask], users: Users, ledger: Engine
) -> None:
    app, token = make_app(MAX_IMPORTS_PER_HOUR="2"), users.token(MARIA)
    rows = [f"{cnpj(1)};Padaria {number}" for number in range(400)]

    def sent(lines: list[str]) -> int:
        table = "\n".join(["cnpj;titulo", *lines])
        return int(send(Caller(app.test_client(), token), table).status_code)

    with ThreadPoolExecutor() as pool:
        answers = sorted(pool.map(sent, [rows, rows[::-1]] * 2))

    assert answers == [200, 201, 429, 429]
    assert count(ledger, "job") == len(rows)
