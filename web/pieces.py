"""The pieces of pages that show one job, remembered: a page that looks for news repeats most."""

from datetime import date
from functools import lru_cache
from typing import Any

from flask import current_app, request
from markupsafe import Markup

from web import formats

# About a kilobyte each.
MAX_REMEMBERED = 5_000


def job_piece(template: str, job: dict[str, Any]) -> Markup:
    """Return a template that shows a job and nothing else: the same job, the same piece."""
    return _rendered(template, tuple(job.items()), formats.today(), request.script_root)


# Days are said relative to today, and addresses begin with the root.
@lru_cache(maxsize=MAX_REMEMBERED)
def _rendered(template: str, job: tuple[tuple[str, Any], ...], _today: date, _root: str) -> Markup:
    piece = current_app.jinja_env.get_template(template)
    return Markup(piece.render(job=dict(job)))  # noqa: S704 the template has escaped it
