import threading
from collections.abc import Iterator

import pytest
import requests

from devstack.registry import reserved
from tests.clients import Registry
from tests.worker.sources.saved import ours
from tests.worker.sources.service import Service
from worker.sources.chain import Chain, make_link
from worker.sources.errors import (
    Captcha,
    HeldBack,
    InvalidCnpj,
    LayoutChanged,
    NoSource,
    NotFound,
    RateLimited,
    SourceError,
    Unavailable,
)
from worker.sources.guard import Guard, Unguarded
from worker.sources.http import new_session
from worker.sources.settings import SourceOptions

CNPJ = "12345678000195"
WITH_LETTERS = "12ABC34501DE35"


@pytest.fixture
def chains(service: Service) -> Iterator["Chains"]:
    with new_session() as session:
        yield Chains(service, session)


class Chains:
    """Makes chains of sources that all ask the test's service."""

    def __init__(self, service: Service, session: requests.Session) -> None:
        self._service = service
        self._session = session

    def __call__(self, *names: str, guard: Guard | None = None) -> Chain:
        options = self._service.options
        links = (make_link(name, options(name), self._session) for name in names)
        return Chain(tuple(links), guard or Unguarded())


def _company(name: str) -> bytes:
    return ours("certificate-g2.html") if name == "receita" else ours(f"payloads/{name}.json")


@pytest.mark.parametrize("name", ["receita", "brasilapi", "cnpjws", "cnpja", "opencnpj"])
def test_a_source_that_knows_answers(service: Service, chains: Chains, name: str) -> None:
    service.says(name, 200, _company(name))

    company, source = chains(name).lookup(CNPJ)

    assert source == name
    assert company.nome_empresarial == "PÃO & CIRCO COMÉRCIO LTDA"
    assert service.asked[0][1] == (
        f"/{name}?cnpj={CNPJ}" if name == "receita" else f"/{name}/{CNPJ}"
    )


def test_the_first_that_knows_ends_the_walk(service: Service, chains: Chains) -> None:
    for name in ("brasilapi", "opencnpj"):
        service.says(name, 200, _company(name))

    assert chains("brasilapi", "opencnpj").lookup(CNPJ).source == "brasilapi"
    assert service.names() == ["brasilapi"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, ours("captcha.html")),
        (503, ours("busy.html")),
        (429, b""),
        (403, b"<h1>Forbidden</h1>"),
        (404, b"<h1>Not Found</h1>"),
        (200, ours("other.html")),
        (200, ours("not-found.html")),
        (200, ours("invalid.html")),
        (200, ours("certificate-g2-closed.html")),
    ],
)
def test_a_source_that_cannot_answer_is_followed_by_the_next(
    service: Service, chains: Chains, status: int, body: bytes
) -> None:
    service.says("receita", status, body)
    service.says("opencnpj", 200, _company("opencnpj"))

    assert chains("receita", "opencnpj").lookup(CNPJ).source == "opencnpj"
    assert service.names() == ["receita", "opencnpj"]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b'{"status": "ERROR", "message": "CNPJ rejeitado"}', NotFound),
        (404, "CNPJ não encontrado.", NotFound),
        (404, b"<h1>404 Not Found</h1>", Unavailable),
        (404, b'{"message": "Request failed with status code 500"}', Unavailable),
        (400, "CNPJ inválido.", InvalidCnpj),
        (500, "CNPJ não encontrado.", Unavailable),
        (502, b'{"error": "invalid shard payload"}', Unavailable),
        (503, b"<title>Just a moment...</title>", Captcha),
        (403, b"<title>Attention Required!</title>", Captcha),
        (403, b"", RateLimited),
        (429, b"", RateLimited),
        (200, b'{"code": 429, "message": "not enough credits"}', RateLimited),
        (302, b"", Unavailable),
        (200, b'{"cnpj": "12345678000195"}', LayoutChanged),
    ],
)
def test_what_an_answer_means(
    service: Service, chains: Chains, status: int, body: bytes | str, error: type[SourceError]
) -> None:
    said = body if isinstance(body, bytes) else f'{{"message": "{body}"}}'.encode()
    service.says("brasilapi", status, said)

    with pytest.raises(SourceError) as caught:
        chains("brasilapi").lookup(CNPJ)

    assert type(caught.value) is error
    assert caught.value.source == "brasilapi"


def test_the_wish_of_a_source_to_wait_is_passed_on(service: Service, chains: Chains) -> None:
    service.says("brasilapi", 429, b"", Retry_After="17")

    with pytest.raises(RateLimited) as caught:
        chains("brasilapi").lookup(CNPJ)

    assert caught.value.retry_after == 17


def test_a_company_does_not_exist_when_two_sources_say_so(service: Service, chains: Chains) -> None:
    service.says("receita", 200, ours("not-found.html"))
    service.says("minhareceita", 503, b"")
    service.says("opencnpj", 404, b'{"error": "not found"}')
    service.says("cnpja", 200, _company("cnpja"))

    with pytest.raises(NotFound) as caught:
        chains("receita", "minhareceita", "opencnpj", "cnpja").lookup(CNPJ)

    assert caught.value.confirmed
    assert service.names() == ["receita", "minhareceita", "opencnpj"]


def test_one_source_alone_is_no_proof(service: Service, chains: Chains) -> None:
    service.says("receita", 200, ours("not-found.html"))
    service.says("opencnpj", 200, ours("captcha.html"))

    with pytest.raises(NotFound) as caught:
        chains("receita", "opencnpj").lookup(CNPJ)

    assert not caught.value.confirmed


def test_while_another_source_may_still_know_nothing_is_decided(
    service: Service, chains: Chains
) -> None:
    service.says("receita", 200, ours("not-found.html"))
    service.says("opencnpj", 503, b"", Retry_After="40")
    service.says("brasilapi", 429, b"", Retry_After="20")

    with pytest.raises(RateLimited) as caught:
        chains("receita", "opencnpj", "brasilapi").lookup(CNPJ)

    assert (caught.value.retry_after, caught.value.source) == (20, "brasilapi")


def test_that_a_source_asked_for_a_person_is_remembered_while_others_may_still_know(
    service: Service, chains: Chains
) -> None:
    service.says("receita", 200, ours("captcha.html"))
    service.says("opencnpj", 503, b"")
    service.says("brasilapi", 503, b"", Retry_After="20")

    with pytest.raises(Unavailable) as caught:
        chains("receita", "opencnpj", "brasilapi").lookup(CNPJ)
    assert isinstance(caught.value.captcha, Captcha)

    with pytest.raises(Unavailable) as caught:
        chains("opencnpj").lookup(CNPJ)
    assert caught.value.captcha is None


def test_of_the_errors_that_stay_the_one_a_person_can_act_on_counts(
    service: Service, chains: Chains
) -> None:
    service.says("receita", 200, ours("captcha.html"))
    service.says("opencnpj", 200, b"{}")

    with pytest.raises(Captcha):
        chains("receita", "opencnpj").lookup(CNPJ)


def test_sources_that_know_no_letters_are_not_asked(service: Service, chains: Chains) -> None:
    service.says("opencnpj", 200, b'{"error": "not found"}')

    with pytest.raises(NotFound):
        chains("cnpjws", "receitaws", "cnpja", "opencnpj").lookup(WITH_LETTERS)

    assert service.names() == ["opencnpj"]


def test_letters_without_a_source_for_them_are_an_error_of_their_own(
    service: Service, chains: Chains
) -> None:
    with pytest.raises(NoSource):
        chains("cnpjws").lookup(WITH_LETTERS)

    assert service.names() == []


class _Holding:
    """Holds some sources back and remembers what it was told."""

    def __init__(self, *held: str) -> None:
        self._held = held
        self.told: list[tuple[str, str]] = []

    def ask(self, name: str) -> HeldBack | None:
        return HeldBack(9) if name in self._held else None

    def tell(self, name: str, seconds: float, error: SourceError | None) -> None:
        assert seconds >= 0
        self.told.append((name, error.code if error else "ok"))


def test_a_source_held_back_is_not_asked(service: Service, chains: Chains) -> None:
    guard = _Holding("receita")
    service.says("brasilapi", 503)
    service.says("opencnpj", 200, _company("opencnpj"))

    assert chains("receita", "brasilapi", "opencnpj", guard=guard).lookup(CNPJ).source == "opencnpj"

    assert service.names() == ["brasilapi", "opencnpj"]
    assert guard.told == [("brasilapi", "unavailable"), ("opencnpj", "ok")]


def test_when_all_are_held_back_the_wait_is_told(chains: Chains) -> None:
    with pytest.raises(HeldBack) as caught:
        chains("receita", guard=_Holding("receita")).lookup(CNPJ)

    assert caught.value.retry_after == 9


def test_many_threads_may_look_up_at_once(service: Service, chains: Chains) -> None:
    service.says("opencnpj", 200, _company("opencnpj"))
    chain = chains("opencnpj")
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(chain.lookup(CNPJ).source)) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert found == ["opencnpj"] * 16


def test_every_way_in_which_the_registry_fails_is_told(registry: Registry) -> None:
    options = SourceOptions(url=registry.page, timeout=2)
    outcomes = {
        reserved.NOT_FOUND: "not_found",
        reserved.CAPTCHA: "captcha",
        reserved.BUSY: "unavailable",
        reserved.RATE_LIMITED: "rate_limited",
        reserved.SERVER_ERROR: "unavailable",
        reserved.SLOW: "unavailable",
        reserved.CUT: "unavailable",
        reserved.DRIPPING: "unavailable",
        reserved.HUGE: "unavailable",
        reserved.OTHER_LAYOUT: "layout_changed",
        reserved.OTHER_COMPANY: "wrong_company",
    }
    with new_session() as session:
        chain = Chain((make_link("receita", options, session),), Unguarded())
        for cnpj, code in outcomes.items():
            with pytest.raises(SourceError) as caught:
                chain.lookup(cnpj)
            assert caught.value.code == code, cnpj
        assert chain.lookup(CNPJ).company.cnpj == CNPJ
