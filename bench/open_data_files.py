"""Makes files in the form of the Receita's open data, of companies that do not exist."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from stdnum.br import cnpj as stdnum_cnpj

DAY = (2026, 11, 14, 0, 0, 0)
ROWS_A_FILE = 500_000
WORDS = "PADARIA MERCADO AÇOUGUE OFICINA CLÍNICA FARMÁCIA LIVRARIA GRÁFICA".split()  # noqa: SIM905
STREETS = ("SÃO JOÃO", "DAS FLORES", "XV DE NOVEMBRO", "DO COMÉRCIO", "TIRADENTES")
CNAES = [f"{4600000 + n * 37:07d}" for n in range(1_300)]
CITIES = [(f"{n:04d}", f"MUNICÍPIO {n}") for n in range(1, 5_571)]
CODES: dict[str, list[tuple[str, str]]] = {
    "Cnaes": [(code, f"Comércio varejista do ramo {n}") for n, code in enumerate(CNAES)],
    "Motivos": [("00", "SEM MOTIVO"), ("01", "EXTINÇÃO POR ENCERRAMENTO")],
    "Municipios": CITIES,
    "Naturezas": [("2062", "Sociedade Empresária Limitada"), ("2135", "Empresário (Individual)")],
    "Paises": [("105", "BRASIL")],
    "Qualificacoes": [("22", "Sócio"), ("49", "Sócio-Administrador")],
}


def cnpj(number: int) -> str:
    """Return the CNPJ of the company of that number; the numbers lie apart, as real ones do."""
    base = f"{number * 97 % 100_000_000:08d}0001"
    return base + str(stdnum_cnpj.calc_check_digits(base))


def write(folder: Path, companies: int) -> None:
    """Write the ZIPs of so many companies with one establishment each."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, rows in CODES.items():
        _zip(folder / f"{kind}.zip", iter(rows))
    kinds: list[tuple[str, Callable[[int], list[tuple[str, ...]]]]] = [
        ("Empresas", _firm),
        ("Estabelecimentos", _office),
        ("Socios", _partners),
        ("Simples", _simples),
    ]
    for kind, make in kinds:
        for part, start in enumerate(range(0, companies, ROWS_A_FILE)):
            numbers = range(start, min(start + ROWS_A_FILE, companies))
            _zip(folder / f"{kind}{part}.zip", (row for n in numbers for row in make(n)))


def _zip(path: Path, rows: Iterator[tuple[str, ...]]) -> None:
    member = ZipInfo(f"K3241.K03200Y0.D61114.{path.stem.upper()}", DAY)
    member.compress_type = ZIP_DEFLATED
    with ZipFile(path, "w", compresslevel=1) as archive, archive.open(member, "w") as sink:
        for row in rows:
            line = ";".join('"' + value.replace('"', '""') + '"' for value in row) + "\n"
            sink.write(line.encode("latin-1"))


def _dice(number: int) -> random.Random:
    return random.Random(number)


def _firm(number: int) -> list[tuple[str, ...]]:
    dice = _dice(number)
    name = f"{dice.choice(WORDS)} {dice.choice(WORDS)} {number} LTDA"
    size = dice.choice(["01", "03", "05", "00"])
    return [(cnpj(number)[:8], name, "2062", "49", f"{dice.randint(0, 10**7)},00", size, "")]


def _office(number: int) -> list[tuple[str, ...]]:
    dice, id_ = _dice(number), cnpj(number)
    open_ = dice.random() < 0.6
    secondary = ",".join(dice.sample(CNAES, dice.randint(0, 8)))
    city = dice.choice(CITIES)[0]
    return [
        (
            *(id_[:8], id_[8:12], id_[12:], "1", dice.choice(["", f"CASA {number}"])),
            *("02" if open_ else "08", "20200115", "00" if open_ else "01", "", ""),
            *("19990203", dice.choice(CNAES), secondary, "RUA", dice.choice(STREETS)),
            *(str(dice.randint(1, 9_999)), dice.choice(["", "SALA 2"]), "CENTRO"),
            *(f"{dice.randint(1_000_000, 99_999_999):08d}", dice.choice(["SP", "RJ", "MG"]), city),
            *("11", f"{dice.randint(20_000_000, 59_999_999)}", "", "", "", ""),
            *(f"contato{number}@exemplo.example", "", ""),
        )
    ]


def _partners(number: int) -> list[tuple[str, ...]]:
    dice, root = _dice(number), cnpj(number)[:8]
    return [
        (root, "2", f"PESSOA {number} {n}", "***000000**", "49", "20200115", "", "", "", "", "5")
        for n in range(dice.randint(0, 2))
    ]


def _simples(number: int) -> list[tuple[str, ...]]:
    return [(cnpj(number)[:8], "S", "20200115", "00000000", "N", "00000000", "00000000")]
