"""Coverage-guided fuzzing of everything that reads a source's answer.

    .venv/bin/pip install atheris
    .venv/bin/python -m tests.fuzz -max_total_time=600

It starts from our pages and payloads and keeps in `tests/fuzz/corpus` what reaches new code; an
input that breaks the contract is written beside it as `crash-…`. The test suite reads the corpus
again on every run. Arguments are libFuzzer's.
"""

import sys
from importlib import import_module
from pathlib import Path

LARGEST_BYTES = 60_000
CORPUS = Path(__file__).with_name("corpus")
SEEDS = Path(__file__).parents[2] / "var" / "fuzz-seeds"


def main() -> None:
    """Fuzz until libFuzzer's arguments say to stop."""
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=["worker.sources"]):
        target = import_module("tests.fuzz.target")
    SEEDS.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (SEEDS / f"{number:03d}").write_bytes(seed)
    limits = (f"-max_len={LARGEST_BYTES}", "-timeout=10", f"-artifact_prefix={CORPUS}/")
    atheris.Setup([sys.argv[0], *limits, *sys.argv[1:], str(CORPUS), str(SEEDS)], target.read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
