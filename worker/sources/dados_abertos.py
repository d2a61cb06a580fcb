"""Reads the imported open data: one company in milliseconds, without network."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from worker.open_data.layout import COLUMNS
from worker.sources import fields
from worker.sources.company import Company, Partner
from worker.sources.errors import NotFound, Unavailable

Row = dict[str, str | None]

_CODE_TABLES = ("cnaes", "motivos", "municipios", "naturezas", "qualificacoes")


@dataclass(frozen=True)
class _Base:
    """An open base; `identity` tells whether the file is still the same."""

    identity: tuple[int, int]
    connection: duckdb.DuckDBPyConnection
    names: dict[str, dict[str, str]]
    day: str


class Store:
    """The base at a path; any number of threads may use it, and it may be replaced meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._base: _Base | None = None

    def find(self, cnpj: str) -> Company:
        """Return the company of a CNPJ; raises NotFound, or Unavailable when there is no base."""
        base = self._current()
        root, order, check = cnpj[:8], cnpj[8:12], cnpj[12:]
        try:
            with base.connection.cursor() as cursor:
                office = _rows(
                    cursor,
                    "estabelecimentos",
                    root,
                    " AND cnpj_ordem = ? AND cnpj_dv = ?",
                    order,
                    check,
                )
                if not office:
                    raise NotFound
                firm = _rows(cursor, "empresas", root)
                partners = _rows(cursor, "socios", root)
        except duckdb.Error as exc:
            raise Unavailable(reason="A base de dados abertos não pôde ser lida.") from exc
        return _company(base, office[0], firm[0] if firm else {}, partners)

    def _current(self) -> _Base:
        try:
            stat = self._path.stat()
        except OSError as exc:
            raise Unavailable(reason="A base de dados abertos ainda não foi importada.") from exc
        identity = (stat.st_ino, stat.st_mtime_ns)
        base = self._base
        if base is not None and base.identity == identity:
            return base
        with self._lock:
            if self._base is None or self._base.identity != identity:
                self._base = _open(self._path, identity)
            return self._base


def _open(path: Path, identity: tuple[int, int]) -> _Base:
    try:
        # Attached to an instance of our own: opened by its path, DuckDB would hand out again the
        # instance of the file that was there before.
        connection = duckdb.connect(":memory:")
        connection.execute("SET threads = 1")
        quoted = str(path).replace("'", "''")
        connection.execute(f"ATTACH '{quoted}' AS dados (READ_ONLY)")
        names = {table: _names(connection, table) for table in _CODE_TABLES}
        (day,) = connection.execute("SELECT data_da_base FROM dados.base").fetchone() or ("",)
    except duckdb.Error as exc:
        raise Unavailable(reason="A base de dados abertos não pôde ser lida.") from exc
    return _Base(identity, connection, names, day)


def _names(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    query = f"SELECT codigo, descricao FROM dados.{table}"  # noqa: S608 our own names
    return dict(connection.execute(query).fetchall())


def _rows(
    cursor: duckdb.DuckDBPyConnection, table: str, root: str, more: str = "", *values: str
) -> list[Row]:
    found: list[Any] = cursor.execute(
        f"SELECT * FROM dados.{table} WHERE cnpj_basico = ?{more}",  # noqa: S608 our own names
        [root, *values],
    ).fetchall()
    return [dict(zip(COLUMNS[table], row, strict=True)) for row in found]


def _company(base: _Base, office: Row, firm: Row, partners: list[Row]) -> Company:
    def name(table: str, code: str | None) -> str | None:
        return base.names[table].get(code or "")

    def activity(code: str | None) -> str:
        return fields.activity(code, name("cnaes", code))

    secondary = (office["cnaes_secundarios"] or "").split(",")
    return Company(
        cnpj=f"{office['cnpj_basico']}{office['cnpj_ordem']}{office['cnpj_dv']}",
        matriz_filial=fields.head_or_branch(office["matriz_filial"]),
        data_abertura=fields.date(office["data_inicio_atividade"]),
        nome_empresarial=fields.text(firm.get("razao_social")),
        nome_fantasia=fields.text(office["nome_fantasia"]),
        porte=fields.size(firm.get("porte")),
        atividade_principal=activity(office["cnae_principal"]),
        atividades_secundarias=fields.activities(map(activity, secondary)),
        natureza_juridica=fields.legal_nature(
            firm.get("natureza_juridica"), name("naturezas", firm.get("natureza_juridica"))
        ),
        logradouro=fields.street(office["tipo_logradouro"], office["logradouro"]),
        numero=fields.text(office["numero"]),
        complemento=fields.text(office["complemento"]),
        cep=fields.postal_code(office["cep"]),
        bairro=fields.text(office["bairro"]),
        municipio=fields.text(name("municipios", office["municipio"]) or office["cidade_exterior"]),
        uf=fields.state(office["uf"]),
        email=fields.email(office["email"]),
        telefone=fields.phones(
            *(fields.phone(office[f"ddd_{n}"], office[f"telefone_{n}"]) for n in (1, 2))
        ),
        efr=fields.text(firm.get("ente_federativo")),
        situacao_cadastral=fields.status(office["situacao_cadastral"]),
        data_situacao_cadastral=fields.date(office["data_situacao_cadastral"]),
        motivo_situacao_cadastral=fields.text(name("motivos", office["motivo_situacao_cadastral"])),
        situacao_especial=fields.text(office["situacao_especial"]),
        data_situacao_especial=fields.date(office["data_situacao_especial"]),
        quadro_societario=fields.partners(
            Partner(
                fields.text(partner["nome"]),
                fields.text(name("qualificacoes", partner["qualificacao"])),
            )
            for partner in partners
        ),
        capital_social=fields.amount(firm.get("capital_social")),
        data_da_base=base.day,
    )
