"""A person in the loop: which jobs wait for one, and the page that one gives."""

import re

from apiflask import APIBlueprint
from flask import Response, request

from agendador import errors, limits, uploads
from agendador.database import db, single
from agendador.schemas import JobOut, shown
from core import official_page, web
from core.ledger import queries
from core.ledger.transitions import pages, people
from core.tokens import caller, signed_in

ACCEPTED = 202
TOO_LARGE = 413
MAX_LISTED = 100
# What a form adds around its file.
MAX_FORM_BYTES = 64 * 1024

_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body|table)\b", re.IGNORECASE)
# A page in a single file (RFC 2557) is a mail in form: its HTML may be encoded inside.
_ARCHIVE = re.compile(rb"^MIME-Version:", re.IGNORECASE | re.MULTILINE)
_START_BYTES = 4096

bp = APIBlueprint("pages", __name__, tag="Páginas oficiais")


@bp.get("/jobs/waiting")
@signed_in
@bp.output(list[JobOut])  # type: ignore[arg-type] # APIFlask takes a list of models
@bp.doc(
    security="bearer",
    summary="Lista as primeiras 100 consultas que esperam a página oficial de uma pessoa",
    responses=[401],
)
def list_waiting() -> Response:
    """Answer the caller's jobs whose last run ended for want of a person, oldest first."""
    with single() as connection:
        rows = queries.list_waiting(connection, caller().user_id, MAX_LISTED)
    return web.answer(
        "jobs", "Consultas à espera de uma pessoa.", [shown(JobOut, row) for row in rows]
    )


@bp.post("/job/<int:job_id>/page")
@signed_in
@bp.output(JobOut, status_code=ACCEPTED)
@bp.doc(
    security="bearer",
    summary="Recebe a página oficial que uma pessoa salvou, para ser lida no lugar das fontes",
    responses=[401, 404, 409, 413, 422, 429],
)
def give_page(job_id: int) -> Response:
    """Take the certificate (HTML, up to 2 MiB) for a job that waits for a person.

    It is the field `file` of a form, or the body. A worker reads it and ends the job; the same
    page again changes nothing.
    """
    with single() as connection:
        # Whose job it is comes before what was sent.
        if queries.find_job(connection, job_id, caller().user_id) is None:
            raise people.JobNotFoundError
    request.max_content_length = official_page.MAX_BYTES + MAX_FORM_BYTES
    content = uploads.content()
    if content is None:
        return errors.refuse_payload({"file": ["Envie a página no campo file."]})
    if len(content) > official_page.MAX_BYTES:
        return web.refuse(TOO_LARGE, "A página passa de 2 MB, mais do que a oficial tem.")
    if problem := _problem(content):
        return errors.refuse_payload({"file": [problem]})
    with db.engine.begin() as connection:
        pages.give_page(connection, job_id, caller().user_id, content)
        limits.check_unread_pages(connection)
        job = shown(JobOut, queries.find_job(connection, job_id, caller().user_id))
    return web.answer("job", "Página recebida; ela será lida em instantes.", job, ACCEPTED)


def _problem(content: bytes) -> str:
    """Return why this cannot be a saved page, "" when it may be one."""
    start = content[:_START_BYTES].replace(b"\0", b"")
    if not start.strip():
        return "O arquivo está vazio."
    if start.startswith(official_page.PDF_BEGINS):
        return official_page.PDF_REFUSED
    if not _ARCHIVE.search(start) and not _HTML.search(content.replace(b"\0", b"")):
        return "Este arquivo não é uma página HTML."
    return ""
