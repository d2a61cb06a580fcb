"""The pieces of pages, remembered by what they show: a page that looks for news repeats most."""

from datetime import date
from functools import lru_cache
from typing import Any

from flask import current_app, request
from markupsafe import Markup

from web import formats

# With its values one takes two to ten kilobytes.
MAX_REMEMBERED = 5_000


class Fixed(dict[str, Any]):
    """A dict of plain values that nobody changes, so that it can be remembered."""

    def __hash__(self) -> int:  # type: ignore[override] # a dict has none
        """Return the same number for equal dicts."""
        return hash(frozenset(self.items()))


def piece(template: str, **values: Any) -> Markup:
    """Return a template that shows these values and nothing else: the same values, the same piece.

    Values are hashable, or dicts of plain values. The template gets nothing else: what differs
    from one request or person to the next, such as a token against forgery, stays out of it.
    """
    shown = tuple((name, _fixed(value)) for name, value in values.items())
    return _rendered(template, shown, formats.today(), request.script_root)


def _fixed(value: Any) -> Any:
    return Fixed(value) if type(value) is dict else value


# Days are said relative to today, and addresses begin with the root.
@lru_cache(maxsize=MAX_REMEMBERED)
def _rendered(
    template: str, values: tuple[tuple[str, Any], ...], _today: date, _root: str
) -> Markup:
    rendered = current_app.jinja_env.get_template(template).render(values)
    return Markup(rendered)  # noqa: S704 the template has escaped it
