"""The results: what the runs brought."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response, current_app
from sqlalchemy import Row

from agendador.database import single
from agendador.schemas import ResultOut, ResultsQuery, shown
from agendador.settings import AgendadorSettings
from core import web
from core.freshness import is_stale
from core.ledger import queries
from core.ledger.transitions.people import JobNotFoundError
from core.tokens import caller, signed_in

bp = APIBlueprint("results", __name__, tag="Resultados")


@bp.get("/results")
@signed_in
@bp.input(ResultsQuery, location="query")
@bp.output(list[ResultOut])  # type: ignore[arg-type] # APIFlask takes a list of models
@bp.doc(
    security="bearer",
    summary="Lista os resultados, do mais novo ao mais antigo",
    responses=[401, 404],
)
def list_results(query_data: ResultsQuery) -> Response:
    """Answer the caller's results, of one job or of all."""
    mine, job_id = caller().user_id, query_data.job_id
    with single() as connection:
        if job_id is not None and queries.find_job(connection, job_id, mine) is None:
            raise JobNotFoundError
        rows = queries.list_results(connection, mine, job_id, query_data.page, query_data.per_page)
    return web.answer("results", "Resultados listados.", [shown_result(row) for row in rows])


def shown_result(row: Row[Any]) -> dict[str, Any]:
    """Return a result as the API shows it, with whether its data was old already."""
    settings: AgendadorSettings = current_app.extensions["settings"]
    stale = is_stale(row.data_da_base, row.data_pesquisa, settings.stale_days)
    return shown(ResultOut, row) | {"stale": stale}
