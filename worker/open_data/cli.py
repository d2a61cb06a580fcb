"""The command `python -m worker import-open-data FOLDER`."""

import argparse
import sys
from pathlib import Path

from core import settings
from worker.open_data.layout import OpenDataError
from worker.sources.settings import SourceSettings


def add_import_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `import-open-data FOLDER [--memory SIZE]`; its `run` returns the exit code."""
    parser = commands.add_parser(
        "import-open-data", help="importa os arquivos mensais da Receita para consultas sem rede"
    )
    parser.add_argument("folder", type=Path, help="a pasta com os ZIPs de um mês")
    parser.add_argument("--memory", default="1GB", help="limite de memória (%(default)s)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Import the folder into the base that DADOS_ABERTOS_PATH names (exit code 0) or say why not.

    An import that was stopped goes on where it was; the old base serves until the new one is ready.
    """
    from worker.open_data.importer import import_folder  # noqa: PLC0415 DuckDB is loaded only if used

    store = settings.load(SourceSettings).dados_abertos.path
    try:
        import_folder(options.folder, store, _tell, options.memory)
    except OpenDataError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
