"""Interleaved rounds (A B A B ...) and what they show: medians, spread, ratios."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

ROUNDS = 5

Side = Callable[[], float]
Point = tuple[float, float]


@dataclass(frozen=True)
class Finding:
    """One line of the results: a figure of ours over another side's, round by round.

    `sides` holds each side's figure per round, in `unit`. `ratios` is empty for a figure that
    stands alone. The target is met by the median ratio, or by the worst median of a figure alone:
    at least `target`, or at most when `at_most`.
    """

    name: str
    what: str
    unit: str
    sides: dict[str, list[float]]
    ratios: list[float] = field(default_factory=list)
    target: float | None = None
    at_most: bool = False

    @property
    def value(self) -> float:
        """What the target is about: the median of the ratios, or of the only side."""
        return statistics.median(self.ratios or next(iter(self.sides.values())))

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target

    def as_dict(self) -> dict[str, Any]:
        """Return the line as `bench/results/latest.json` holds it."""
        medians = {side: statistics.median(values) for side, values in self.sides.items()}
        spread = {
            "min": min(self.ratios, default=None),
            "median": statistics.median(self.ratios) if self.ratios else None,
            "max": max(self.ratios, default=None),
        }
        return asdict(self) | {
            "rounds": len(next(iter(self.sides.values()))),
            "medians": medians,
            "ratio": spread,
            "value": self.value,
            "met": self.met,
        }


@dataclass(frozen=True)
class Picture:
    """How a figure grows: a line per name, both axes logarithmic unless told otherwise."""

    name: str
    title: str
    across: str
    up: str
    lines: dict[str, list[Point]]
    logarithmic: bool = True


@dataclass(frozen=True)
class Outcome:
    """What a benchmark brings."""

    findings: list[Finding]
    pictures: list[Picture] = field(default_factory=list)


def interleave(sides: Mapping[str, Side], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Run every side once a round, in turn, and return each side's figures."""
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name, side in sides.items():
            figures[name].append(side())
            print(f"  round {number + 1} {name}: {figures[name][-1]:.4g}", flush=True)
    return figures


def best_of(figures: Mapping[str, list[float]], names: Sequence[str]) -> str:
    """Return which of these sides has the highest median."""
    return max(names, key=lambda name: statistics.median(figures[name]))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return ours over theirs, round by round."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
