"""Import and look-up of the open data, measured as the number of companies grows.

    .venv/bin/python -m bench.open_data [COMPANIES ...]

Each size runs in processes of its own, so that the memory told is its own.
"""

import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles

from bench import open_data_files

LOOKUPS = 2_000
SIZES = (10_000, 100_000, 1_000_000)


def main(sizes: list[int]) -> None:
    print("companies | ZIPs MiB | import s | rows/s | store MiB | peak MiB | look-up p50/p99 ms")
    for size in sizes or SIZES:
        with tempfile.TemporaryDirectory(dir="var") as folder:
            _measure(size, Path(folder))


def _measure(size: int, folder: Path) -> None:
    files, store = folder / "files", folder / "base.duckdb"
    open_data_files.write(files, size)
    zipped = sum(path.stat().st_size for path in files.iterdir())
    imported = _child("import", files, store)
    asked = _child("lookup", store, size)
    rate, stored = 4 * size / imported[0], store.stat().st_size
    print(
        f"{size:9} | {zipped / 2**20:8.0f} | {imported[0]:8.1f} | {rate:6.0f} | "
        f"{stored / 2**20:9.0f} | {imported[1]:8.0f} | {asked[0]:.2f} / {asked[1]:.2f}",
        flush=True,
    )


def _child(*arguments: object) -> tuple[float, float]:
    command = [sys.executable, "-m", "bench.open_data", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    first, second = done.stdout.split()[-2:]
    return float(first), float(second)


def _import(files: Path, store: Path) -> None:
    from worker.open_data.importer import import_folder  # noqa: PLC0415

    started = time.perf_counter()
    import_folder(files, store, lambda _: None, memory="512MB")
    seconds = time.perf_counter() - started
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _lookup(path: Path, size: int) -> None:
    from worker.sources.dados_abertos import Store  # noqa: PLC0415

    store, dice, times = Store(path), random.Random(7), []
    store.find(open_data_files.cnpj(0))
    for _ in range(LOOKUPS):
        cnpj = open_data_files.cnpj(dice.randrange(size))
        started = time.perf_counter()
        store.find(cnpj)
        times.append(1000 * (time.perf_counter() - started))
    cuts = quantiles(times, n=100)
    print(cuts[49], cuts[98])


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["import", files, store]:
            _import(Path(files), Path(store))
        case ["lookup", store, size]:
            _lookup(Path(store), int(size))
        case sizes:
            main([int(size) for size in sizes])
