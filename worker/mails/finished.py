"""The mail that tells how a consultation ended."""

from collections.abc import Mapping
from typing import Any

from core import words
from core.freshness import is_stale
from worker.mails import company, figures, troubles
from worker.mails.contexts import Finished, clip
from worker.mails.letter import Difference, RunLetter, Section, fact, section
from worker.mails.started import REASON, booking, name, reference

LONGEST_DETAIL = 300
LONGEST_NAME_IN_INTRO = 150


def compose(context: Mapping[str, Any]) -> RunLetter:
    """Return the letter; raises pydantic's ValidationError for a malformed context."""
    run = Finished.model_validate(context)
    return _success(run) if run.status == "processed" else _failure(run)


def _success(run: Finished) -> RunLetter:
    state = "Concluída"
    differences = company.differences(run.changes)
    about = company.sections(run.company) if run.company else ()
    return RunLetter(
        subject=f"{_news(differences)}: {name(run)}",
        heading="Sua consulta terminou",
        badge=state,
        tone="good",
        intro=_outcome(run, about, differences),
        advice="",
        link=_page(run),
        differences=differences,
        sections=(*about, _story(run, state)),
        reason=REASON,
        reference=reference(run),
    )


def _failure(run: Finished) -> RunLetter:
    trouble = troubles.find(run.status, run.error_code)
    cancelled = trouble is troubles.CANCELLED
    state = "Cancelada" if cancelled else "Erro"
    return RunLetter(
        subject=f"Consulta {'cancelada' if cancelled else 'não concluída'}: {name(run)}",
        heading="Sua consulta foi cancelada"
        if cancelled
        else "Não conseguimos concluir a consulta",
        badge=state,
        tone="calm" if cancelled else "bad",
        intro=trouble.happened,
        advice=trouble.advice,
        link=_page(run),
        differences=(),
        sections=(_story(run, state),),
        reason=REASON,
        reference=reference(run),
    )


def _page(run: Finished) -> str:
    """Return the address of the consultation's page, "" where none is known."""
    if not run.web_url or not run.job_id:
        return ""
    return f"{run.web_url.rstrip('/')}/consultas/{run.job_id}"


def _news(differences: tuple[Difference, ...]) -> str:
    if not differences:
        return "Consulta concluída"
    return f"Consulta concluída, {words.counted(len(differences), 'mudança', 'mudanças')}"


def _outcome(run: Finished, about: tuple[Section, ...], differences: tuple[Difference, ...]) -> str:
    number = words.document(run.cpf_cnpj)
    if run.company is None or not about:
        return f"A consulta do CNPJ {number} terminou, mas os dados não vieram com este e-mail."
    owner = clip(run.company.nome_empresarial, LONGEST_NAME_IN_INTRO)
    situation, _ = words.situation(clip(run.company.situacao_cadastral, LONGEST_NAME_IN_INTRO))
    changed = words.counted(len(differences), "dado mudou", "dados mudaram")
    return figures.joined(
        " ",
        f"O CNPJ {number} pertence a {owner}." if owner else f"Veja os dados do CNPJ {number}.",
        f"Situação cadastral: {situation}." if situation else "",
        f"Desde a consulta anterior, {changed}." if differences else "",
    )


def _story(run: Finished, state: str) -> Section:
    failed = run.status != "processed"
    return section(
        "Sua consulta",
        *booking(run, state),
        fact("Terminada em", figures.moment(run.finished_at)),
        fact("Duração", figures.duration(run.duration_ms)),
        fact("Fonte", words.source(run.source), *_dates(run)),
        fact("Detalhe", clip(run.error_detail, LONGEST_DETAIL) if failed else ""),
    )


def _dates(run: Finished) -> tuple[str, ...]:
    """Return when the source was asked, and how old it says that its data is."""
    about = run.company
    if about is None:
        return ()
    asked = figures.joined(" às ", words.day(about.data_pesquisa), about.hora_pesquisa)
    base = words.day(about.data_da_base)
    stale = is_stale(about.data_da_base, about.data_pesquisa, run.stale_days)
    warning = f" (atenção: mais de {run.stale_days} dias antes da consulta)" if stale else ""
    return asked and f"Consultada em {asked}", base and f"Base de {base}{warning}"
