"""One attempt of a run: look the company up and say how it ended."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Row

from core import logs
from core.clock import SAO_PAULO, utc_now
from core.documents import format_cnpj
from core.ledger.models import Status
from core.ledger.transitions.work import Outcome
from worker.sources import uploaded_page
from worker.sources.company import Company
from worker.sources.errors import HeldBack, NotFound, SourceError

FIRST_RETRY_SECONDS = 5.0
RETRY_FACTOR = 3.0
LONGEST_RETRY_SECONDS = 15 * 60.0
# A source may ask us to stay away, but not for ever.
LONGEST_RETRY_AFTER_SECONDS = timedelta(hours=6).total_seconds()

EXHAUSTED = "attempts_exhausted"
CRASHED = "internal_error"
HUNG = "attempt_hangs"
UNSTORABLE = "unstorable"

log = logs.logger(__name__)


class Lookup(Protocol):
    """Finds a company: the chain of sources."""

    def lookup(self, cnpj: str) -> tuple[Company, str]:
        """Return the company and the name of the source; raises SourceError."""
        ...


def perform(
    run: Row[Any], chain: Lookup, max_attempts: int, not_found_retries: Sequence[float]
) -> Outcome:
    """Try a claimed run once and return how it ended; never raises.

    A run for which a person gave a page is read from that; the others ask the chain.
    A CNPJ that one source alone did not find is looked for again after so many seconds each.
    """
    if run.attempt > max_attempts:
        return _ended(run, EXHAUSTED, "O processo foi interrompido em todas as tentativas.")
    asked = utc_now().astimezone(SAO_PAULO)
    try:
        company, source = _found(run, chain)
    except NotFound as error:
        log.info("company_not_found", said_by=error.said_by, before=run.not_found_count)
        return _missing(run, error, asked, not_found_retries)
    except SourceError as error:
        log.info("lookup_failed", code=error.code, attempt=run.attempt)
        return _failed(run, error, max_attempts)
    except Exception:
        log.exception("lookup_crashed")
        return _later(run, CRASHED, "Erro interno ao ler a página.", None, max_attempts)
    result = {
        **company.as_dict(),
        "source": source,
        "data_pesquisa": asked.strftime("%Y-%m-%d"),
        "hora_pesquisa": asked.strftime("%H:%M:%S"),
    }
    return Outcome(run.run_id, run.attempt, Status.PROCESSED, source=source, company=result)


def hung(run: Row[Any], max_attempts: int) -> Outcome:
    """Return the outcome of an attempt that took too long to be waited for."""
    return _later(run, HUNG, "A leitura da página não terminou a tempo.", None, max_attempts)


def unstorable(outcome: Outcome) -> Outcome:
    """Return what is stored instead of an outcome that the database refuses."""
    return Outcome(
        outcome.run_id,
        outcome.attempt,
        Status.ERROR,
        source=outcome.source,
        error_code=UNSTORABLE,
        error_detail="O resultado não pôde ser gravado.",
    )


def is_exhausted(outcome: Outcome) -> bool:
    """Tell whether the run ended because no attempt is left, so its message is a dead letter."""
    return outcome.error_code == EXHAUSTED


def _found(run: Row[Any], chain: Lookup) -> tuple[Company, str]:
    if run.page is None:
        return chain.lookup(run.cpf_cnpj)
    return uploaded_page.read(bytes(run.page), run.cpf_cnpj)


def _failed(run: Row[Any], error: SourceError, max_attempts: int) -> Outcome:
    if isinstance(error, HeldBack):
        seconds = _pause(run.attempt, error.retry_after)
        return _queued(run, error.code, error.reason, seconds, counts=False)
    if error.captcha and run.attempt >= max_attempts:
        # None of the others came back, so it is a person's turn.
        return _ended(run, error.captcha.code, error.captcha.reason)
    if error.transient:
        return _later(run, error.code, error.reason, error.retry_after, max_attempts)
    return _ended(run, error.code, error.reason)


def _missing(run: Row[Any], error: NotFound, asked: datetime, retries: Sequence[float]) -> Outcome:
    verb = "responderam" if error.confirmed else "respondeu"
    said = (
        f"Em {_written(asked)}, {' e '.join(error.said_by)} {verb} que o CNPJ "
        f"{format_cnpj(run.cpf_cnpj)} não existe"
    )
    if error.confirmed:
        return _ended(run, error.code, f"{said}. Não voltaremos a procurar por conta própria.")
    if run.not_found_count >= len(retries):
        detail = f"{said}, pela {run.not_found_count + 1}ª vez. Não voltaremos a procurar."
        return _ended(run, error.code, detail)
    seconds = retries[run.not_found_count]
    again = _written(asked + timedelta(seconds=seconds))
    detail = f"{said}. Uma só resposta não é prova: perguntaremos de novo em {again}."
    return _queued(run, error.code, detail, seconds, counts=False, missing=True)


def _written(moment: datetime) -> str:
    return moment.strftime("%d/%m/%Y às %H:%M")


def _later(
    run: Row[Any], code: str, detail: str, retry_after: float | None, max_attempts: int
) -> Outcome:
    if run.attempt >= max_attempts:
        return _ended(run, EXHAUSTED, f"{detail} (depois de {run.attempt} tentativas)")
    return _queued(run, code, detail, _pause(run.attempt, retry_after), counts=True)


def _queued(
    run: Row[Any], code: str, detail: str, seconds: float, *, counts: bool, missing: bool = False
) -> Outcome:
    return Outcome(
        run.run_id,
        run.attempt,
        Status.QUEUED,
        error_code=code,
        error_detail=detail,
        retry_in=seconds,
        counts=counts,
        missing=missing,
    )


def _ended(run: Row[Any], code: str, detail: str) -> Outcome:
    return Outcome(run.run_id, run.attempt, Status.ERROR, error_code=code, error_detail=detail)


def _pause(attempt: int, retry_after: float | None) -> float:
    """Return seconds to wait: what the source asked for, else exponential backoff; jittered."""
    if retry_after is not None:
        return min(retry_after, LONGEST_RETRY_AFTER_SECONDS) + random.uniform(0, 1)  # noqa: S311
    backoff = FIRST_RETRY_SECONDS * RETRY_FACTOR ** (attempt - 1)
    return min(backoff, LONGEST_RETRY_SECONDS) * random.uniform(0.5, 1.5)  # noqa: S311
