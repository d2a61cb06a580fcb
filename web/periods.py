"""The spans of time that the calendar shows: a month, a week, a day."""

from calendar import Calendar
from dataclasses import dataclass
from datetime import date, timedelta

from core import words
from web.formats import long_day

ONE_DAY = timedelta(days=1)
ONE_WEEK = timedelta(days=7)
DECEMBER = 12


@dataclass(frozen=True)
class Period:
    """What is shown at once: its weeks of days, and the days that lead to its neighbours.

    `day` is the day that the period was asked for.
    """

    kind: str
    title: str
    day: date
    weeks: tuple[tuple[date, ...], ...]
    before: date
    after: date

    @property
    def first(self) -> date:
        """The first day shown."""
        return self.weeks[0][0]

    @property
    def last(self) -> date:
        """The last day shown."""
        return self.weeks[-1][-1]


def month(day: date) -> Period:
    """Return the month of a day, in whole weeks that begin on Sunday, as calendars in Brazil do."""
    weeks = Calendar(firstweekday=6).monthdatescalendar(day.year, day.month)
    first = day.replace(day=1)
    return Period(
        kind="month",
        title=f"{words.MONTHS[day.month - 1]} de {day.year}",
        day=day,
        weeks=tuple(map(tuple, weeks)),
        before=(first - ONE_DAY).replace(day=1),
        after=_next_month(first),
    )


def week(day: date) -> Period:
    """Return the week of a day, from Sunday on."""
    first = day - ONE_DAY * ((day.weekday() + 1) % 7)
    days = tuple(first + ONE_DAY * n for n in range(7))
    return Period("week", _span(first, days[-1]), day, (days,), day - ONE_WEEK, day + ONE_WEEK)


def one_day(day: date) -> Period:
    """Return a day alone."""
    return Period("day", long_day(day), day, ((day,),), day - ONE_DAY, day + ONE_DAY)


def _next_month(first: date) -> date:
    if first.month == DECEMBER:
        return first.replace(year=first.year + 1, month=1)
    return first.replace(month=first.month + 1)


def _span(first: date, last: date) -> str:
    begin = str(first.day)
    if first.month != last.month:
        begin += f" de {words.MONTHS[first.month - 1]}"
    if first.year != last.year:
        begin += f" de {first.year}"
    return f"{begin} a {last.day} de {words.MONTHS[last.month - 1]} de {last.year}"
