"""The mail that sums up a user's day."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from core import words
from core.words import Tone
from worker.mails import company, figures, troubles
from worker.mails.contexts import Job, Summary
from worker.mails.letter import Difference, Entry, Group, SummaryLetter

MOST_NEWS = 3


class _Fate(NamedTuple):
    """Jobs that are shown together: how they are called, counted and coloured."""

    title: str
    tone: Tone
    statuses: tuple[str, ...]
    one: str
    many: str


_FATES = (
    _Fate("Concluídas", "good", ("processed",), "concluída", "concluídas"),
    _Fate("Com erro", "bad", ("error",), "com erro", "com erro"),
    _Fate("Canceladas", "calm", ("cancelled",), "cancelada", "canceladas"),
    _Fate("A seguir", "info", ("processing", "queued", "created"), "a seguir", "a seguir"),
)
_FATE_OF = {status: fate for fate in _FATES for status in fate.statuses}


def compose(context: Mapping[str, Any]) -> SummaryLetter:
    """Return the letter; raises pydantic's ValidationError for a malformed context."""
    summary = Summary.model_validate(context)
    groups = _groups(summary)
    return SummaryLetter(
        subject=_subject(summary),
        heading="Seu dia em consultas",
        badge=figures.short_date(summary.day),
        tone="info",
        intro=_intro(summary, groups),
        groups=groups,
        closing=_closing(summary.omitted),
        reason="Você recebe este resumo do seu dia às 19h porque usa o Agendador.",
        reference="",
        unsubscribe=_unsubscribe(summary),
    )


def _subject(summary: Summary) -> str:
    failed = summary.counts.get("error", 0)
    jobs = (
        words.counted(summary.total, "consulta", "consultas") if summary.total else "sem consultas"
    )
    day = figures.short_date(summary.day)
    return f"Resumo de {day}: {jobs}{f', {failed} com erro' if failed else ''}"


def _intro(summary: Summary, groups: tuple[Group, ...]) -> str:
    day = f"Em {figures.long_date(summary.day)},"
    if not summary.total:
        return f"{day} você não teve consultas."
    jobs = words.counted(summary.total, "consulta", "consultas")
    tally = [f"{group.count} {group.unit.lower()}" for group in groups]
    return f"{day} você teve {jobs}: {_enumerate(tally)}."


def _enumerate(parts: list[str]) -> str:
    return " e ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _groups(summary: Summary) -> tuple[Group, ...]:
    """Return the jobs by their fates; fates that none has are left out."""
    listed: dict[str, list[Entry]] = {fate.title: [] for fate in _FATES}
    for job in summary.jobs:
        if fate := _FATE_OF.get(job.status):
            listed[fate.title].append(_entry(job, summary.day))
    return tuple(
        _group(fate, count, tuple(listed[fate.title]))
        for fate in _FATES
        if (count := _count(fate, listed[fate.title], summary))
    )


def _count(fate: _Fate, entries: list[Entry], summary: Summary) -> int:
    """Return how many jobs were counted, and never fewer than are listed."""
    return max(len(entries), sum(summary.counts.get(status, 0) for status in fate.statuses))


def _group(fate: _Fate, count: int, entries: tuple[Entry, ...]) -> Group:
    unit = (fate.one if count == 1 else fate.many).capitalize()
    return Group(fate.title, unit, fate.tone, count, entries)


def _entry(job: Job, day: date) -> Entry:
    situation, tone = words.situation(job.situacao_cadastral)
    number = words.document(job.cpf_cnpj)
    details = figures.joined(" · ", number if job.title else "", *_remarks(job, day))
    return Entry(job.title or number, job.nome_empresarial, details, situation, tone)


def _remarks(job: Job, day: date) -> tuple[str, ...]:
    ended = figures.moment_within(day, job.finished_at)
    match job.status:
        case "processed":
            return (f"concluída {ended}".rstrip(), _news(job))
        case "error":
            reason = troubles.find(job.status, job.error_code).short
            return (f"{reason}, {ended}" if ended else reason,)
        case "cancelled":
            return (f"cancelada {ended}".rstrip(),)
        case "processing":
            return ("em andamento",)
        case "queued":
            return ("na fila", _urgency(job.priority))
        case _:
            due = figures.moment(job.date)
            return (f"agendada para {due}" if due else "agendada", _urgency(job.priority))


def _news(job: Job) -> str:
    """Return which data changed; of a situation also what it was and is."""
    news = [_change(difference) for difference in company.differences(job.changes)]
    if not news:
        return ""
    more = f" e mais {len(news) - MOST_NEWS}" if len(news) > MOST_NEWS else ""
    return f"mudou: {', '.join(news[:MOST_NEWS])}{more}"


def _change(difference: Difference) -> str:
    label = difference.label.lower()
    if difference.label != words.FIELDS["situacao_cadastral"]:
        return label
    return f"{label} ({' → '.join((*difference.before, *difference.after))})"


@lru_cache(maxsize=16)
def _urgency(level: int) -> str:
    return f"prioridade {figures.priority(level).lower()}"


def _unsubscribe(summary: Summary) -> str:
    if summary.unsubscribe_token is None:
        return ""
    return f"{summary.api_url.rstrip('/')}/unsubscribe?token={summary.unsubscribe_token}"


def _closing(omitted: int) -> str:
    if omitted <= 0:
        return ""
    more = words.counted(omitted, "consulta que não coube", "consultas que não couberam")
    return f"E mais {more} aqui."
