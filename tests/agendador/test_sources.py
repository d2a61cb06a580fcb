from sqlalchemy import Engine

from core.ledger.transitions import sources
from tests.agendador.conftest import Caller


def test_administrators_see_how_each_source_is_doing(
    admin: Caller, maria: Caller, ledger: Engine
) -> None:
    with ledger.begin() as connection:
        sources.register(connection, {"receita": 0, "cnpjws": 3})
        for _ in range(sources.FAILURES_TO_OPEN):
            sources.failed(connection, "receita", "unavailable", 0.5)
    with ledger.begin() as connection:
        assert sources.admit(connection, "cnpjws", 5).granted
        sources.succeeded(connection, "cnpjws", 1, 0.25)

    limited, failing = admin.get("/admin/sources").json["data"]

    assert (limited["name"], limited["state"], limited["rate_left"]) == ("cnpjws", "closed", 2)
    assert (limited["latency_ms"], limited["error_share"]) == (250, 0)
    assert (failing["name"], failing["state"], failing["rate_left"]) == ("receita", "open", None)
    assert (failing["last_error"], failing["error_share"]) == ("unavailable", 1)
    assert failing["until"] > failing["last_error_at"]
    assert maria.get("/admin/sources").status_code == 403
