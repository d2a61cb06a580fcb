"""Commands about sources: `python -m worker parse` and `python -m worker consult`."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core import logs, official_page, settings, words
from core.documents import InvalidDocumentError, format_cnpj, parse_cnpj
from worker.sources import fields, receita_page, recognition, registry
from worker.sources.company import Company
from worker.sources.errors import NotCertificate, SourceError
from worker.sources.settings import SOURCE_NAMES, WEB_SOURCE_NAMES, SourceSettings

LABELS = {**words.FIELDS, "data_da_base": "Dados da fonte de"}


def add_parse_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `parse FILE [--source NAME] [--cnpj CNPJ]`; its `run` returns the exit code."""
    parser = commands.add_parser(
        "parse", help="lê uma página ou resposta salva e mostra a empresa em JSON"
    )
    parser.add_argument("file", type=Path, help="a página ou resposta salva")
    parser.add_argument(
        "--source", choices=WEB_SOURCE_NAMES, help="de qual fonte; sem isto, a que o conteúdo diz"
    )
    parser.add_argument("--cnpj", type=_cnpj, help="o CNPJ que deve constar dela")
    parser.set_defaults(run=parse_file)


def parse_file(options: argparse.Namespace) -> int:
    """Print the company of a saved answer (exit code 0) or the error's name and reason (1)."""
    try:
        body = options.file.read_bytes()
    except OSError as exc:
        sys.stderr.write(f"{options.file}: {exc.strerror}\n")
        return 2
    try:
        if body.startswith(official_page.PDF_BEGINS):
            raise NotCertificate(official_page.PDF_REFUSED)
        company = _saved_parser(options.source)(body, options.cnpj or "")
    except SourceError as error:
        print(f"{type(error).__name__}: {error.reason}")
        return 1
    _print_json(company.as_dict())
    return 0


def _saved_parser(source: str | None) -> Callable[[bytes, str], Company]:
    if source is None:
        return recognition.parse
    # A certificate is asked for, but of the saved pages the QSA is read as well.
    return receita_page.parse if source == "receita" else registry.find(source).parse


def add_consult_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `consult CNPJ [--source NAME] [--json]`; its `run` returns the exit code."""
    parser = commands.add_parser("consult", help="consulta um CNPJ agora e mostra a empresa")
    parser.add_argument("cnpj", type=_valid_cnpj, help="com ou sem pontuação")
    parser.add_argument("--source", choices=SOURCE_NAMES, help="só esta fonte, em vez da cadeia")
    parser.add_argument("--json", action="store_true", help="mostra em JSON")
    parser.set_defaults(run=consult)


def consult(options: argparse.Namespace) -> int:
    """Print what the chain, or one source, says of a CNPJ now (exit code 0), or why not (1).

    It needs neither the ledger nor the broker, and is not counted against the workers' limits.
    """
    from worker.sources.chain import build_chain  # noqa: PLC0415 `parse` does without it

    config = settings.load(SourceSettings)
    # A person who waits for one answer wants it alone.
    logs.configure(config.model_copy(update={"log_level": "WARNING"}), "worker-consult")
    if options.source:
        config = config.model_copy(update={"sources": (options.source,)})
    try:
        company, source = build_chain(config).lookup(options.cnpj)
    except SourceError as error:
        print(f"{type(error).__name__}: {error.reason}" + (error.source and f" ({error.source})"))
        return 1
    if options.json:
        _print_json(company.as_dict() | {"source": source})
    else:
        _print_lines(company, source)
    return 0


def _print_lines(company: Company, source: str) -> None:
    width = max(map(len, LABELS.values()))
    shown = company.as_dict() | {"cnpj": format_cnpj(company.cnpj)}
    for name, value in shown.items():
        for line in _lines(value) if name in LABELS else ():
            print(f"{LABELS[name]:{width}}  {line}")
    print(f"{'Fonte':{width}}  {source}")


def _lines(value: str | list[str] | list[dict[str, str]]) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    return [
        entry if isinstance(entry, str) else " · ".join(filter(None, entry.values()))
        for entry in value
    ]


def _print_json(values: dict[str, Any]) -> None:
    print(json.dumps(values, ensure_ascii=False, indent=2))


def _valid_cnpj(text: str) -> str:
    try:
        return parse_cnpj(text)
    except InvalidDocumentError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def _cnpj(text: str) -> str:
    # Saved examples may show numbers whose check digits are made up.
    cnpj = fields.cnpj(text)
    if not cnpj:
        raise argparse.ArgumentTypeError("um CNPJ tem 14 caracteres")
    return cnpj
