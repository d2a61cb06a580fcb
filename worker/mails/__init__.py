"""The mails of the suite, from a row of the ledger to a message that is ready to send.

One kind is one module (`started.py`, `finished.py`, `summary.py`) that turns the row's context
into a `Letter`; a pair of templates shows the letter as HTML and as text. To add a kind: write
its module, choose or write its templates, and name both in `KINDS`.

What a row holds is hostile input: titles and names are typed by people or read from the web.
`contexts.py` makes it harmless lines of text, and the HTML templates escape all that they show.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape
from pydantic import ValidationError

from core.clock import utc_now
from worker.mails import finished, started, summary
from worker.mails.envelope import MailError, Sealed, seal
from worker.mails.letter import Letter

__all__ = ["KINDS", "MailError", "Sealed", "render", "write"]

KINDS: dict[str, tuple[Callable[[Mapping[str, Any]], Letter], str]] = {
    "started": (started.compose, "run"),
    "finished": (finished.compose, "run"),
    "summary": (summary.compose, "summary"),
}


class Written(NamedTuple):
    """What a mail says: its subject, its text and HTML twins, and where it can be ended."""

    subject: str
    text: str
    html: str
    unsubscribe: str = ""


_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(disabled_extensions=("txt",), default=True),
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)
# Each rendering copies them one by one, and no template uses any.
_templates.globals.clear()


def render(
    kind: str,
    context: Mapping[str, Any],
    *,
    key: str,
    recipient: str,
    sender: str,
    now: datetime | None = None,
) -> Sealed:
    """Return the message of one mail row, with a text part and its HTML twin.

    `kind` is one of `KINDS`, `context` the row's JSON and `key` its unique key, from which the
    `Message-ID` is made: the same row always gives the same one. `sender` is an address with or
    without a name; `now` is the `Date`, by default the present moment.

    Raises MailError, which no later try will mend, when the kind is unknown, the context is not
    of its kind's shape or an address cannot be one.
    """
    written = write(kind, context)
    return seal(
        subject=written.subject,
        text=written.text,
        html=written.html,
        unsubscribe=written.unsubscribe,
        key=key,
        recipient=recipient,
        sender=sender,
        date=now or utc_now(),
    )


def write(kind: str, context: Mapping[str, Any]) -> Written:
    """Return what a mail of this kind says; raises MailError as `render` does."""
    if kind not in KINDS:
        raise MailError(f"there is no mail of kind {kind!r}")
    compose, template = KINDS[kind]
    try:
        letter = compose(context)
    except ValidationError as exc:
        raise MailError(f"the context of a {kind} mail is malformed: {_places(exc)}") from exc
    return Written(
        letter.subject,
        _fill(f"{template}.txt", letter),
        _fill(f"{template}.html", letter),
        letter.unsubscribe,
    )


def _fill(name: str, letter: Letter) -> str:
    template, parts = _ready(name)
    return template.render(letter=letter, parts=parts)


@cache
def _ready(name: str) -> tuple[Template, Any]:
    """Return a template and its parts, which would be made anew for each mail that imports them."""
    template = _templates.get_template(name)
    return template, _templates.get_template(f"parts.{name.rpartition('.')[2]}").module


def _places(error: ValidationError) -> str:
    """Name what is wrong and where, without the values, which may be personal data."""
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    )
