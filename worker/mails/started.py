"""The mail that tells that a consultation began."""

from collections.abc import Mapping
from typing import Any

from core import words
from worker.mails import figures
from worker.mails.contexts import Started, clip
from worker.mails.letter import Fact, RunLetter, fact, section

LONGEST_TITLE_IN_SUBJECT = 80
REASON = "Você recebe este e-mail porque agendou esta consulta."


def compose(context: Mapping[str, Any]) -> RunLetter:
    """Return the letter; raises pydantic's ValidationError for a malformed context."""
    run = Started.model_validate(context)
    number = words.document(run.cpf_cnpj)
    state = "Em andamento"
    return RunLetter(
        subject=f"Consulta iniciada: {name(run)}",
        heading="Sua consulta começou",
        badge=state,
        tone="info",
        intro=f"Estamos buscando os dados do CNPJ {number}." if number else "",
        advice="Não é preciso fazer nada: quando a consulta terminar, enviaremos o resultado em "
        "outro e-mail.",
        differences=(),
        sections=(section("Sua consulta", *booking(run, state)),),
        reason=REASON,
        reference=reference(run),
    )


def name(run: Started) -> str:
    """Return what to call a consultation in a subject: its title, else its number."""
    return clip(run.title or words.document(run.cpf_cnpj), LONGEST_TITLE_IN_SUBJECT)


def booking(run: Started, state: str) -> tuple[Fact, ...]:
    """Return what the user asked for, how it stands and when it began."""
    return (
        fact("Título", run.title),
        fact("CNPJ", words.document(run.cpf_cnpj)),
        fact("Estado", state),
        fact("Prioridade", figures.priority(run.priority)),
        fact("Agendada para", figures.moment(run.date)),
        fact("Iniciada em", figures.moment(run.started_at)),
    )


def reference(run: Started) -> str:
    """Return the line that names the run to support."""
    return figures.joined(
        " · ",
        f"consulta nº {run.job_id}" if run.job_id else "",
        f"execução {run.run_id}" if run.run_id else "",
    )
