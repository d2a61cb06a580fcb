"""The files that the Receita publishes each month: ZIPs of CSV in latin-1 without a header.

Source: "Novo layout dos dados abertos do CNPJ", Receita Federal.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

CODES = ("codigo", "descricao")

# The columns of each kind of file, in order; the kind is how its file's name begins.
COLUMNS: dict[str, tuple[str, ...]] = {
    "empresas": (
        "cnpj_basico",
        "razao_social",
        "natureza_juridica",
        "qualificacao_responsavel",
        "capital_social",
        "porte",
        "ente_federativo",
    ),
    "estabelecimentos": (
        "cnpj_basico",
        "cnpj_ordem",
        "cnpj_dv",
        "matriz_filial",
        "nome_fantasia",
        "situacao_cadastral",
        "data_situacao_cadastral",
        "motivo_situacao_cadastral",
        "cidade_exterior",
        "pais",
        "data_inicio_atividade",
        "cnae_principal",
        "cnaes_secundarios",
        "tipo_logradouro",
        "logradouro",
        "numero",
        "complemento",
        "bairro",
        "cep",
        "uf",
        "municipio",
        "ddd_1",
        "telefone_1",
        "ddd_2",
        "telefone_2",
        "ddd_fax",
        "fax",
        "email",
        "situacao_especial",
        "data_situacao_especial",
    ),
    "socios": (
        "cnpj_basico",
        "tipo",
        "nome",
        "documento",
        "qualificacao",
        "data_entrada",
        "pais",
        "representante_documento",
        "representante_nome",
        "representante_qualificacao",
        "faixa_etaria",
    ),
    "simples": (
        "cnpj_basico",
        "opcao_simples",
        "data_opcao_simples",
        "data_exclusao_simples",
        "opcao_mei",
        "data_opcao_mei",
        "data_exclusao_mei",
    ),
    "cnaes": CODES,
    "motivos": CODES,
    "municipios": CODES,
    "naturezas": CODES,
    "paises": CODES,
    "qualificacoes": CODES,
}
# Without these no company can be told; partners may be left out.
REQUIRED = ("empresas", "estabelecimentos", "cnaes", "motivos", "municipios", "naturezas")
# The tables that are looked up by company, stored in its order.
BY_COMPANY = ("empresas", "estabelecimentos", "socios", "simples")

_NAME = re.compile(rf"({'|'.join(COLUMNS)})[0-9]*\.zip", re.IGNORECASE)


class OpenDataError(Exception):
    """The folder cannot be imported; the message tells why, in Portuguese."""


@dataclass(frozen=True)
class Package:
    """One ZIP of the folder; `size` and `crc` are those of the CSV within."""

    path: Path
    kind: str
    member: str
    size: int
    crc: int
    day: str


def packages(folder: Path) -> list[Package]:
    """Return the packages of a folder, code tables first.

    Raises OpenDataError when a required one is missing or a ZIP cannot be read.
    """
    if not folder.is_dir():
        raise OpenDataError(f"{folder} não é uma pasta")
    found = [
        _package(path, match[1].lower())
        for path in sorted(folder.iterdir())
        if (match := _NAME.fullmatch(path.name))
    ]
    missing = [kind for kind in REQUIRED if kind not in {package.kind for package in found}]
    if missing:
        raise OpenDataError(f"faltam em {folder}: {', '.join(f'{kind}*.zip' for kind in missing)}")
    return sorted(found, key=lambda package: (package.kind in BY_COMPANY, package.path.name))


def _package(path: Path, kind: str) -> Package:
    try:
        with ZipFile(path) as archive:
            (member,) = (info for info in archive.infolist() if not info.is_dir())
    except (BadZipFile, ValueError, OSError) as exc:
        raise OpenDataError(f"{path.name} não é um ZIP com um só arquivo") from exc
    return Package(path, kind, member.filename, member.file_size, member.CRC, _day(member))


def _day(member: ZipInfo) -> str:
    year, month, day = member.date_time[:3]
    # A ZIP without a date says 1980.
    return f"{year:04d}-{month:02d}-{day:02d}" if year > 1980 else ""  # noqa: PLR2004
