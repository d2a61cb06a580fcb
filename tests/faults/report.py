"""The table of `docs/reliability.md`: one row per run."""

from datetime import UTC, datetime
from pathlib import Path

from tests.faults.audit import Verdict

END = "<!-- end of runs -->"


def add(page: Path, seed: int, faults: int, verdict: Verdict) -> None:
    """Add a run's row at the end of the table."""
    figures = verdict.figures
    cells = (
        f"{datetime.now(UTC):%Y-%m-%d}",
        seed,
        figures["accepted"],
        faults,
        figures["results"],
        figures["mails"],
        len(verdict.wrong),
        figures["mails twice, server died"],
        figures["mails twice, mailer died"],
        figures["mails twice, network cut"],
        figures["mails twice, unexplained"],
        figures["quiet after (s)"],
    )
    row = "| " + " | ".join(map(str, cells)) + " |"
    page.write_text(page.read_text().replace(END, f"{row}\n{END}"))
