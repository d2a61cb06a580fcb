"""How often a job repeats: in words, in a form, and as the rule that the API takes (RFC 5545)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from core import words
from web import formats

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
WORKDAYS = "MO,TU,WE,TH,FR"
SATURDAY = 5
LAST_DAY = "-1"
UNTIL_DATE_LENGTH = 8
# What the form offers; "other" stands for a rule that came from elsewhere.
CHOICES = {
    "": "Não repetir",
    "daily": "Todo dia",
    "workdays": "De segunda a sexta-feira",
    "weekly": "Toda semana, nestes dias:",
    "fortnightly": "A cada duas semanas, nestes dias:",
    "monthly": "Todo mês, no mesmo dia",
    "month_end": "Todo mês, no último dia",
    "yearly": "Todo ano, no mesmo dia",
}
_ORDINALS = {1: "primeir", 2: "segund", 3: "terceir", 4: "quart", 5: "quint", -1: "últim"}
_UNITS = {
    "MINUTELY": ("a cada minuto", "minutos"),
    "HOURLY": ("a cada hora", "horas"),
    "DAILY": ("todo dia", "dias"),
    "WEEKLY": ("toda semana", "semanas"),
    "MONTHLY": ("todo mês", "meses"),
    "YEARLY": ("todo ano", "anos"),
}


@dataclass(frozen=True)
class Choice:
    """A rule as the form shows it: the kind, the weekdays' codes, and the last day or nothing."""

    kind: str
    weekdays: tuple[str, ...]
    until: str


def rule(kind: str, weekdays: list[str], until: str, day: str, other: str = "") -> str | None:
    """Return the rule for what a form says; None for none.

    `day` is the first occurrence's, `YYYY-MM-DD`; without a weekday, a week repeats on its weekday.
    """
    chosen = ",".join(code for code in WEEKDAYS if code in weekdays) or _weekday_of(day)
    known = {
        "daily": "FREQ=DAILY",
        "workdays": f"FREQ=WEEKLY;BYDAY={WORKDAYS}",
        "weekly": f"FREQ=WEEKLY;BYDAY={chosen}",
        "fortnightly": f"FREQ=WEEKLY;INTERVAL=2;BYDAY={chosen}",
        "monthly": "FREQ=MONTHLY",
        "month_end": f"FREQ=MONTHLY;BYMONTHDAY={LAST_DAY}",
        "yearly": "FREQ=YEARLY",
        "other": other,
    }.get(kind)
    if not known:
        return None
    end = f";UNTIL={until.replace('-', '')}" if until and kind != "other" else ""
    return known + end


def choice(text: str | None) -> Choice:
    """Return how the form shows a rule."""
    parts = _parts(text or "")
    until = parts.pop("UNTIL", "")
    weekdays = tuple(parts.get("BYDAY", "").split(","))
    if len(until) > UNTIL_DATE_LENGTH or "COUNT" in parts:
        return Choice("other", (), "")
    kind = _KINDS.get(_signature(parts), "other") if parts else ""
    if kind == "weekly" and parts["BYDAY"] == WORKDAYS:
        kind = "workdays"
    return Choice(kind, weekdays, _iso(until))


def describe(text: str | None, first: str) -> str:
    """Return a rule in words, such as `toda segunda-feira às 8h`; nothing for none.

    `first` is the moment of the present or next occurrence.
    """
    if not text:
        return ""
    parts, at = _parts(text), formats.local(first)
    said = f"{_frequency(parts, at)}{_time(parts, at)}"
    if "COUNT" in parts:
        return f"{said}, {words.counted(int(parts['COUNT']), 'vez', 'vezes')}"
    if "UNTIL" in parts:
        return f"{said}, até {words.day(_iso(parts['UNTIL'][:UNTIL_DATE_LENGTH]))}"
    return said


_KINDS = {
    "FREQ=DAILY": "daily",
    "FREQ=WEEKLY;BYDAY": "weekly",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY": "fortnightly",
    "FREQ=MONTHLY": "monthly",
    "FREQ=MONTHLY;BYMONTHDAY=-1": "month_end",
    "FREQ=YEARLY": "yearly",
}


def _signature(parts: Mapping[str, str]) -> str:
    named = [name if name == "BYDAY" else f"{name}={value}" for name, value in parts.items()]
    return ";".join(named)


def _frequency(parts: Mapping[str, str], at: datetime) -> str:
    freq, interval = parts.get("FREQ", ""), int(parts.get("INTERVAL", "1"))
    every, units = _UNITS.get(freq, ("repete", ""))
    said = every if interval == 1 else f"a cada {interval} {units}"
    if parts.get("BYDAY"):
        return _on_weekdays(parts["BYDAY"].split(","), said, is_plain=interval == 1)
    if freq == "WEEKLY":
        return _on_weekdays([WEEKDAYS[at.weekday()]], said, is_plain=interval == 1)
    if freq == "MONTHLY":
        days = parts.get("BYMONTHDAY", str(at.day)).split(",")
        return f"{said}, no {_listed([_month_day(day) for day in days])}"
    if freq == "YEARLY":
        return f"{said}, em {at.day} de {words.MONTHS[at.month - 1]}"
    return said


def _on_weekdays(codes: list[str], said: str, *, is_plain: bool) -> str:
    if ",".join(codes) == WORKDAYS and is_plain:
        return "de segunda a sexta-feira"
    if any(len(code) > len("MO") for code in codes):
        return f"{said}, {_listed([_nth(code) for code in codes])}"
    names = [words.WEEKDAYS[WEEKDAYS.index(code)] for code in codes]
    if not is_plain:
        return (
            f"{said}, {_listed([f'{_on(code)} {n}' for code, n in zip(codes, names, strict=True)])}"
        )
    every = "todo" if WEEKDAYS.index(codes[0]) >= SATURDAY else "toda"
    return f"{every} {_listed(names)}"


def _nth(code: str) -> str:
    number, weekday = int(code[:-2] or 0), code[-2:]
    name = words.WEEKDAYS[WEEKDAYS.index(weekday)]
    if number not in _ORDINALS:
        return f"{_on(weekday)} {name}"
    return f"{_on(weekday)} {_ORDINALS[number]}{_on(weekday)[-1]} {name}"


def _on(code: str) -> str:
    """Return `na` for the five working days, `no` for Saturday and Sunday."""
    return "no" if WEEKDAYS.index(code) >= SATURDAY else "na"


def _month_day(day: str) -> str:
    return "último dia" if day == LAST_DAY else f"dia {day}"


def _time(parts: Mapping[str, str], at: datetime) -> str:
    if parts.get("FREQ") in {"MINUTELY", "HOURLY"}:
        return ""
    return f" {'à' if at.hour == 1 else 'às'} {at.hour}h{f'{at.minute:02d}' if at.minute else ''}"


def _listed(items: list[str]) -> str:
    return " e ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def _parts(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";") if "=" in part)
    return {name: value for name, _, value in pairs}


def _weekday_of(day: str) -> str:
    try:
        return WEEKDAYS[date.fromisoformat(day).weekday()]
    except ValueError:
        return WEEKDAYS[0]


def _iso(until: str) -> str:
    return f"{until[:4]}-{until[4:6]}-{until[6:8]}" if until else ""
