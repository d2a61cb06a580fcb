"""Queue the day's summary mails: one per user who has consultations that day.

Running it again, by hand or by a second crontab, queues no second mail.
"""

import argparse
import signal
import sys
import threading
from datetime import date
from types import FrameType

from sqlalchemy import Engine

from core import logs, settings
from core.clock import SAO_PAULO, utc_now
from core.heartbeat import Heartbeat
from core.ledger.connection import ERRORS, is_lost
from core.ledger.connection import engine as make_engine
from core.settings import LedgerSettings
from cronjob import summary

RETRY_SECONDS = 30.0
HEARTBEAT_SECONDS = 2.0
DATABASE_UNAVAILABLE = 1

log = logs.logger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code: 0, or 1 when the database does not answer."""
    chosen = _parse(arguments)
    config = settings.load(LedgerSettings)
    logs.configure(config, "cronjob")
    engine = make_engine(config, "cronjob")
    if chosen.daily:
        _run_daily(engine, Heartbeat(config.heartbeat_file))
        return 0
    day = chosen.day or utc_now().astimezone(SAO_PAULO).date()
    try:
        return _dry_run(engine, day) if chosen.dry_run else _run(engine, day)
    except ERRORS as exc:
        if not is_lost(exc):
            raise
        sys.stderr.write(f"the database does not answer ({type(exc).__name__}): nothing done\n")
        return DATABASE_UNAVAILABLE


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cronjob", description=__doc__)
    parser.add_argument(
        "--day", type=_day, metavar="YYYY-MM-DD", help="default: today in São Paulo"
    )
    parser.add_argument("--dry-run", action="store_true", help="show the summaries, queue nothing")
    parser.add_argument(
        "--daily", action="store_true", help="stay, and run every day at 19:00 America/Sao_Paulo"
    )
    return parser.parse_args(arguments)


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
        summary.span(day)
    except (ValueError, OverflowError) as exc:
        raise argparse.ArgumentTypeError(f"{text} is no date of the form YYYY-MM-DD") from exc
    return day


def _run(engine: Engine, day: date) -> int:
    users, queued = summary.queue(engine, day)
    print(f"{day}: {users} user(s) with consultations, {queued} summary mail(s) queued")
    return 0


def _dry_run(engine: Engine, day: date) -> int:
    summaries = summary.preview(engine, day)
    for row in summaries:
        counts = ", ".join(f"{status}: {n}" for status, n in row.context["counts"].items() if n)
        print(f"{row.recipient}: {row.context['total']} consultation(s) ({counts})")
    print(f"{day}: {len(summaries)} summary mail(s) would be queued")
    return 0


def _run_daily(engine: Engine, heartbeat: Heartbeat) -> None:
    """Run at each 19:00, and at once for the last one in case nothing ran then."""
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    done: date | None = None
    while not stopping.is_set():
        day = summary.last_due_day(utc_now())
        if day != done and _queue(engine, day):
            done = day
        if day == done:
            heartbeat.beat()
        stopping.wait(HEARTBEAT_SECONDS if day == done else RETRY_SECONDS)


def _queue(engine: Engine, day: date) -> bool:
    try:
        users, queued = summary.queue(engine, day)
    except ERRORS as exc:
        if not is_lost(exc):
            raise
        log.warning("database_lost", error=type(exc).__name__)
        return False
    log.info("summaries_queued", day=day.isoformat(), users=users, queued=queued)
    return True


if __name__ == "__main__":
    sys.exit(main())
