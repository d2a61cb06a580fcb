import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from tests.waiting import wait_until
from tests.worker.open_data.files import BAKERY, CNPJ, write
from worker.open_data.importer import import_folder
from worker.open_data.layout import OpenDataError
from worker.sources.chain import build_chain
from worker.sources.company import Partner
from worker.sources.dados_abertos import Store
from worker.sources.errors import NotFound, Unavailable
from worker.sources.settings import SourceSettings

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "files")
    return tmp_path / "files"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "base.duckdb"


def test_a_company_is_told_whole(folder: Path, store: Path) -> None:
    import_folder(folder, store, _silent)

    assert Store(store).find(CNPJ) == BAKERY


def test_a_cnpj_may_hold_letters(folder: Path, store: Path) -> None:
    import_folder(folder, store, _silent)

    company = Store(store).find("12ABC34501DE35")

    assert company.nome_empresarial == "LETRAS LTDA"
    assert company.matriz_filial == "FILIAL"
    assert company.situacao_cadastral == "BAIXADA"
    assert company.municipio == "LISBOA"


def test_another_establishment_of_a_known_company_is_not_found(folder: Path, store: Path) -> None:
    import_folder(folder, store, _silent)

    for unknown in ("12345678000276", "00000000000191"):
        with pytest.raises(NotFound):
            Store(store).find(unknown)


def test_lines_with_nul_bytes_quotes_and_semicolons_are_read(folder: Path, store: Path) -> None:
    _replace(folder / "Empresas0.zip", b"P\xc3O & CIRCO", b'P\xc3\x00O ""&;"" CIRCO')

    import_folder(folder, store, _silent)

    assert Store(store).find(CNPJ).nome_empresarial == 'PÃO "&;" CIRCO COMÉRCIO LTDA'


@pytest.mark.parametrize("line", [b'"short"', b'"a";' * 40, b'"un"escaped";"x', b"", b"\xff\xfe"])
def test_an_odd_line_does_not_stop_the_import(folder: Path, store: Path, line: bytes) -> None:
    _replace(folder / "Socios0.zip", b'"12345678";"2"', line + b'\n"12345678";"2"')

    import_folder(folder, store, _silent)

    assert Store(store).find(CNPJ).quadro_societario == BAKERY.quadro_societario


def test_a_line_that_cannot_be_read_is_told_and_left_out(folder: Path, store: Path) -> None:
    hopeless = b'"' + b"x" * 3_000_000 + b'"\n'
    _replace(folder / "Socios0.zip", b'"12345678";"2"', hopeless + b'"12345678";"2"')
    told: list[str] = []

    import_folder(folder, store, told.append)

    assert any("Socios0.zip" in line and "1 linhas ilegíveis" in line for line in told)
    assert Store(store).find(CNPJ).quadro_societario == BAKERY.quadro_societario


def test_partners_may_be_left_out(folder: Path, store: Path) -> None:
    (folder / "Socios0.zip").unlink()

    import_folder(folder, store, _silent)

    assert Store(store).find(CNPJ).quadro_societario == ()


def test_what_is_missing_or_damaged_is_told_by_name(folder: Path, store: Path) -> None:
    (folder / "Motivos.zip").write_bytes(b"PK")
    with pytest.raises(OpenDataError, match=r"Motivos\.zip"):
        import_folder(folder, store, _silent)

    (folder / "Motivos.zip").unlink()
    with pytest.raises(OpenDataError, match=r"motivos\*\.zip"):
        import_folder(folder, store, _silent)

    with pytest.raises(OpenDataError, match="não é uma pasta"):
        import_folder(folder / "nowhere", store, _silent)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "não é um ZIP"),
        (lambda path: _deflate(path, hole=100), "está danificado"),
        (lambda path: _rewrite(path, b""), r"nenhuma linha de estabelecimentos\*\.zip"),
    ],
)
def test_the_old_base_outlives_a_damaged_file(
    folder: Path, store: Path, damage: Callable[[Path], object], said: str
) -> None:
    import_folder(folder, store, _silent)
    damage(folder / "Estabelecimentos0.zip")

    with pytest.raises(OpenDataError, match=said):
        import_folder(folder, store, _silent)

    assert Store(store).find(CNPJ) == BAKERY


def test_a_file_mended_after_a_failed_import_is_read(folder: Path, store: Path) -> None:
    whole = (folder / "Estabelecimentos0.zip").read_bytes()
    _deflate(folder / "Estabelecimentos0.zip", hole=100)
    with pytest.raises(OpenDataError):
        import_folder(folder, store, _silent)
    (folder / "Estabelecimentos0.zip").write_bytes(whole)

    import_folder(folder, store, _silent)

    assert Store(store).find(CNPJ) == BAKERY


def test_zeros_that_a_spreadsheet_took_away_are_put_back(folder: Path, store: Path) -> None:
    for name in ("Empresas0", "Estabelecimentos0", "Socios0"):
        _replace(folder / f"{name}.zip", b'"12345678"', b'"345678"')
    _replace(folder / "Estabelecimentos0.zip", b'"0001";"95"', b'"1";"5"')

    import_folder(folder, store, _silent)

    company = Store(store).find("00345678000105")
    assert (company.nome_empresarial, len(company.quadro_societario)) == (
        BAKERY.nome_empresarial,
        1,
    )


def test_an_import_that_was_stopped_goes_on_where_it_was(folder: Path, store: Path) -> None:
    def stop_at_the_companies(line: str) -> None:
        if "Empresas0.zip" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_folder(folder, store, stop_at_the_companies)
    assert not store.exists()

    told: list[str] = []
    import_folder(folder, store, told.append)

    done_before = [line for line in told if line.endswith("já importado")]
    assert any("Empresas0.zip" in line for line in done_before)
    assert not any("Socios0.zip" in line for line in done_before)
    assert Store(store).find(CNPJ) == BAKERY


def test_a_killed_import_goes_on_and_leaves_nothing_behind(folder: Path, store: Path) -> None:
    for kind in ("Empresas", "Estabelecimentos"):
        for part in range(1, 60):
            (folder / f"{kind}{part}.zip").write_bytes((folder / f"{kind}0.zip").read_bytes())
    building = store.with_name(f"{store.name}.building")
    command = [sys.executable, "-m", "worker", "import-open-data", str(folder)]
    settings = {**os.environ, "DADOS_ABERTOS_PATH": str(store)}
    killed = subprocess.Popen(command, cwd=ROOT, env=settings, stderr=subprocess.PIPE, text=True)  # noqa: S603
    assert killed.stderr is not None
    wait_until(lambda: "Empresas3.zip" in (killed.stderr.readline() if killed.stderr else ""))
    killed.send_signal(signal.SIGKILL)
    killed.wait(10)
    killed.stderr.close()
    assert building.exists()
    assert not store.exists()

    done = subprocess.run(  # noqa: S603
        command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=60, check=True
    )

    assert "Empresas3.zip: já importado" in done.stderr or "Empresas2.zip: já" in done.stderr
    assert Store(store).find(CNPJ) == BAKERY
    assert [path.name for path in store.parent.iterdir() if path.is_file()] == [store.name]


def test_packages_that_changed_meanwhile_begin_the_import_anew(folder: Path, store: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        import_folder(folder, store, _interrupt)
    _replace(folder / "Cnaes.zip", b"irrigado", b"de sequeiro")

    import_folder(folder, store, _silent)

    assert Store(store).find(CNPJ).atividade_principal.endswith("Cultivo de arroz - de sequeiro")


def test_a_new_base_takes_the_old_one_s_place_under_its_readers(folder: Path, store: Path) -> None:
    import_folder(folder, store, _silent)
    reader, names, done = Store(store), set(), threading.Event()

    def read() -> None:
        while not done.is_set():
            names.add(reader.find(CNPJ).nome_fantasia)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    _replace(folder / "Estabelecimentos0.zip", b"PADARIA DA PRA\xc7A", b"PADARIA NOVA")
    import_folder(folder, store, _silent)
    wait_until(lambda: "PADARIA NOVA" in names)
    done.set()
    for thread in threads:
        thread.join(10)

    assert names == {"PADARIA DA PRAÇA", "PADARIA NOVA"}


def test_without_a_base_the_source_is_unavailable(store: Path) -> None:
    with pytest.raises(Unavailable):
        Store(store).find(CNPJ)

    store.write_bytes(b"no database")
    with pytest.raises(Unavailable):
        Store(store).find(CNPJ)


def test_the_base_is_a_source_of_the_chain(folder: Path, store: Path) -> None:
    import_folder(folder, store, _silent)
    settings = SourceSettings.model_validate(
        {"sources": ("dados_abertos",), "dados_abertos": {"path": store}}
    )

    company, source = build_chain(settings).lookup(CNPJ)

    assert source == "dados_abertos"
    assert company.data_da_base == "2026-11-14"
    assert company.quadro_societario == (Partner("MARIA DA CONCEIÇÃO", "Sócio-Administrador"),)


def _silent(_line: str) -> None:
    pass


def _interrupt(_line: str) -> None:
    raise KeyboardInterrupt


def _rewrite(path: Path, body: bytes) -> None:
    with ZipFile(path, "w") as archive:
        archive.writestr("K3241.K03200Y0.D61114.ESTABELE", body, ZIP_DEFLATED)


def _deflate(path: Path, hole: int) -> None:
    """Compress a file's content and zero some bytes within it."""
    with ZipFile(path) as archive:
        body = archive.read(archive.infolist()[0])
    _rewrite(path, body * 50)
    damaged = bytearray(path.read_bytes())
    damaged[hole : hole + 30] = bytes(30)
    path.write_bytes(damaged)


def _replace(path: Path, old: bytes, new: bytes) -> None:
    with ZipFile(path) as archive:
        (info,) = archive.infolist()
        body = archive.read(info)
    assert old in body
    with ZipFile(path, "w") as archive:
        archive.writestr(info, body.replace(old, new))
