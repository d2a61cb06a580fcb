"""Line charts as SVG, readable on light and on dark pages."""

import math
from collections.abc import Sequence
from html import escape

from bench.rounds import Picture

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 40, 48
COLOURS = ("#2f6fb3", "#c4572b", "#3d8b5f", "#8a5bb0", "#a8862a", "#4a8f9a", "#b04a6f")


def draw(picture: Picture) -> str:
    """Return the picture as an SVG document."""
    points = [point for line in picture.lines.values() for point in line]
    across = _Scale([x for x, _ in points], LEFT, WIDTH - RIGHT, logarithmic=picture.logarithmic)
    up = _Scale([y for _, y in points], HEIGHT - BOTTOM, TOP, logarithmic=picture.logarithmic)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">',
        '<g font-family="sans-serif" font-size="12" fill="#777">',
        _text(LEFT, 20, picture.title, size=15),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, picture.across, anchor="middle"),
        _text(LEFT - 8, TOP - 6, picture.up, anchor="end"),
        *(_across_mark(across.place(value), value) for value in across.marks()),
        *(_up_mark(up.place(value), value) for value in up.marks()),
    ]
    for number, (name, line) in enumerate(picture.lines.items()):
        places = [(across.place(x), up.place(y)) for x, y in line]
        parts.append(_line(places, name, COLOURS[number % len(COLOURS)], TOP + 16 * number))
    return "\n".join([*parts, "</g></svg>", ""])


class _Scale:
    """Where on the paper a value lies."""

    def __init__(
        self, values: Sequence[float], start: float, end: float, *, logarithmic: bool
    ) -> None:
        self._logarithmic = logarithmic
        self._start, self._end = start, end
        low = min(values) if logarithmic else 0.0
        high = max(values)
        if logarithmic:
            low, high = 10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high))
        self._low, self._high = low, max(high, low * 10 if logarithmic else low + 1)

    def place(self, value: float) -> float:
        share = self._share(value)
        return self._start + share * (self._end - self._start)

    def marks(self) -> list[float]:
        if not self._logarithmic:
            return [self._high * part / 4 for part in range(5)]
        first, last = round(math.log10(self._low)), round(math.log10(self._high))
        return [float(10**power) for power in range(first, last + 1)]

    def _share(self, value: float) -> float:
        if not self._logarithmic:
            return (value - self._low) / (self._high - self._low)
        low, high = math.log10(self._low), math.log10(self._high)
        return (math.log10(value) - low) / (high - low)


def _line(places: list[tuple[float, float]], name: str, colour: str, height: float) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places)
    return (
        f'<g fill="{colour}"><polyline points="{path}" fill="none" stroke="{colour}" '
        f'stroke-width="2"/>{dots}{_text(WIDTH - RIGHT + 12, height, name)}</g>'
    )


def _across_mark(place: float, value: float) -> str:
    grid = f'<path d="M{place:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#7773"/>'
    return grid + _text(place, HEIGHT - BOTTOM + 16, _short(value), anchor="middle")


def _up_mark(place: float, value: float) -> str:
    grid = f'<path d="M{LEFT} {place:.1f}H{WIDTH - RIGHT}" stroke="#7773"/>'
    return grid + _text(LEFT - 8, place + 4, _short(value), anchor="end")


def _text(x: float, y: float, words: str, anchor: str = "start", size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">'
        f"{escape(words)}</text>"
    )


def _short(value: float) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
