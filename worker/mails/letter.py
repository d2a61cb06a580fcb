"""What a mail says, before it is given a form. Both forms, HTML and text, show the same letter."""

from dataclasses import dataclass, field
from typing import NamedTuple

from core.words import Tone


class Fact(NamedTuple):
    """A labelled value of one or more lines; with a tone, its first line is a coloured badge."""

    label: str
    lines: tuple[str, ...]
    tone: Tone | None = None


@dataclass(frozen=True)
class Section:
    """A titled list of facts."""

    title: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Difference:
    """A field of the company that is not as it was."""

    label: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class Letter:
    """What every mail has. `reference` is the line by which support finds the consultation.

    `unsubscribe` is the address that ends mails of this kind, for those that can be ended.
    """

    subject: str
    heading: str
    badge: str
    tone: Tone
    intro: str
    reason: str
    reference: str
    unsubscribe: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class RunLetter(Letter):
    """The mail of one run of a job: it began, or it ended.

    `link` is the address of the consultation's page, where there is one.
    """

    advice: str
    differences: tuple[Difference, ...]
    sections: tuple[Section, ...]
    link: str = field(default="", kw_only=True)


class Entry(NamedTuple):
    """One job in the day's summary; `situation` is empty when nothing is known of the company."""

    title: str
    company: str
    details: str
    situation: str
    tone: Tone


@dataclass(frozen=True)
class Group:
    """The jobs of the day that share a fate, and how many there are of them in all.

    `unit` is the word that goes with `count`: singular or plural.
    """

    title: str
    unit: str
    tone: Tone
    count: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class SummaryLetter(Letter):
    """The mail of a user's day."""

    groups: tuple[Group, ...]
    closing: str


def fact(label: str, *lines: str, tone: Tone | None = None) -> Fact:
    """Return a fact without the lines that are empty."""
    return Fact(label, tuple(filter(None, lines)), tone)


def section(title: str, *facts: Fact) -> Section:
    """Return a section without the facts of which nothing is known."""
    return Section(title, tuple(one for one in facts if one.lines))
