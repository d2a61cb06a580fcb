from tests.agendador.conftest import Caller
from tests.agendador.ledgers import job


def test_whoever_leaves_ends_all_that_is_theirs_and_nothing_else(
    maria: Caller, joao: Caller
) -> None:
    for caller in (maria, joao):
        caller.post("/jobs", json=job())
        caller.post("/jobs", json=job(recurrence="FREQ=DAILY"))

    for _ in range(2):
        assert maria.delete("/me").status_code == 200

    def statuses(caller: Caller) -> list[str]:
        return [each["status"] for each in caller.get("/jobs").json["data"]["items"]]

    assert statuses(maria) == ["cancelled"] * 2
    assert statuses(joao) == ["created"] * 2
    assert maria.get("/preferences").json["data"] == {"summary": False}
