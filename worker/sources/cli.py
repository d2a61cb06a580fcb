"""Commands about sources: `python -m worker parse`."""

import argparse
import json
import sys
from pathlib import Path

from worker.sources import fields, receita_page, registry
from worker.sources.company import Company
from worker.sources.errors import SourceError
from worker.sources.settings import SOURCE_NAMES


def add_parse_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `parse FILE [--source NAME] [--cnpj CNPJ]`; its `run` returns the exit code."""
    parser = commands.add_parser(
        "parse", help="lê uma página ou resposta salva e mostra a empresa em JSON"
    )
    parser.add_argument("file", type=Path, help="a página ou resposta salva")
    parser.add_argument("--source", choices=SOURCE_NAMES, default="receita", help="%(default)s")
    parser.add_argument("--cnpj", type=_cnpj, help="o CNPJ que deve constar dela")
    parser.set_defaults(run=parse_file)


def parse_file(options: argparse.Namespace) -> int:
    """Print the company of a saved answer (exit code 0) or the error's name and reason (1)."""
    try:
        body = options.file.read_bytes()
    except OSError as exc:
        sys.stderr.write(f"{options.file}: {exc.strerror}\n")
        return 2
    # A certificate is asked for, but of the saved pages the QSA is read as well.
    parse = (
        receita_page.parse if options.source == "receita" else registry.find(options.source).parse
    )
    try:
        company = parse(body, options.cnpj or "")
    except SourceError as error:
        print(f"{type(error).__name__}: {error.reason}")
        return 1
    print_company(company)
    return 0


def print_company(company: Company) -> None:
    """Print a company as JSON."""
    print(json.dumps(company.as_dict(), ensure_ascii=False, indent=2))


def _cnpj(text: str) -> str:
    # Saved examples may show numbers whose check digits are made up.
    cnpj = fields.cnpj(text)
    if not cnpj:
        raise argparse.ArgumentTypeError("um CNPJ tem 14 caracteres")
    return cnpj
