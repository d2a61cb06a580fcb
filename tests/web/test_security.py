"""What the pages promise of safety, looked at from the outside, over HTTP."""

import base64
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import requests
from apiflask import APIFlask

from devstack.ports import LOOPBACK
from tests.people import MARIA
from tests.web.conftest import HOSTILE, TIMEOUT_SECONDS, Account, somebody
from web.security import own_path

ELSEWHERE = (
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "\\\\evil.example",
    "javascript:alert(1)",
    "evil.example",
    "",
)
OPEN = {
    "accounts.",
    "recovery.",
    "home.show",
    "exports.calendar",
    "asset",
    "healthz",
    "readyz",
    "metrics",
}


class Visitor:
    """Somebody with a simple browser: cookies and forms, no script."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.session = requests.Session()

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.address + path, timeout=TIMEOUT_SECONDS, allow_redirects=False)

    def send(self, path: str, form: str | None = None, **fields: str) -> requests.Response:
        """Send a form, with the token that the page with the form holds."""
        page = self.get(form or path).text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token
        return self.session.post(
            self.address + path,
            data={"csrf_token": token[1], **fields},
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
        )

    def with_tokens(self, access: str, refresh: str) -> "Visitor":
        for name, value in (("access", access), ("refresh", refresh)):
            self.session.cookies.set(name, value, domain=LOOPBACK, path="/")
        return self


@pytest.fixture
def visitor(web: str) -> Visitor:
    return Visitor(web)


def test_every_page_forbids_inline_scripts_frames_and_guessing(visitor: Visitor) -> None:
    for path in ("/", "/entrar", "/agenda", "/nowhere", "/healthz"):
        headers = visitor.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert re.fullmatch(r"[\w.-]+", headers["X-Request-ID"])


def test_no_template_holds_an_inline_script_style_or_handler(visitor: Visitor) -> None:
    for path in ("/", "/entrar", "/criar-conta", "/nowhere"):
        page = visitor.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)", page)
        assert not re.search(r"<[^>]+\s(style|on\w+)=", page)


def test_a_form_without_its_token_is_refused(visitor: Visitor) -> None:
    answer = visitor.session.post(
        f"{visitor.address}/entrar", data=MARIA.log_in(), timeout=TIMEOUT_SECONDS
    )

    assert answer.status_code == 400
    assert "ficou aberta por muito tempo" in answer.text


def test_each_page_that_is_not_open_asks_for_a_log_in(app: APIFlask) -> None:
    client = app.test_client()
    rules = [
        rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.endpoint.startswith(tuple(OPEN))
    ]
    assert len(rules) > 8
    addresses = [
        app.url_map.bind("").build(rule.endpoint, dict.fromkeys(rule.arguments, 1))
        for rule in rules
    ]

    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 302, address
        assert answer.location.startswith("/entrar?next=/"), address


def test_the_cookies_of_tokens_can_be_read_by_no_script_and_come_from_no_other_site(
    visitor: Visitor, maria: Account
) -> None:
    answer = visitor.send("/entrar", **maria.person.log_in())

    kept = answer.raw.headers.getlist("Set-Cookie")
    for name in ("access", "refresh"):
        cookie = next(line for line in kept if line.startswith(f"{name}="))
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
        assert "Secure" not in cookie


def test_over_https_every_cookie_is_secure(visitor: Visitor, maria: Account) -> None:
    # What a proxy in front of the pages says.
    visitor.session.headers.update({"X-Forwarded-Proto": "https"})
    page = visitor.get("/entrar")
    cookie = page.raw.headers.getlist("Set-Cookie")[0].split(";")[0]
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token

    answer = visitor.session.post(
        f"{visitor.address}/entrar",
        data={"csrf_token": token[1], **maria.person.log_in()},
        headers={"Cookie": cookie, "Referer": visitor.address.replace("http", "https") + "/entrar"},
        timeout=TIMEOUT_SECONDS,
        allow_redirects=False,
    )

    kept = answer.raw.headers.getlist("Set-Cookie")
    assert {line.split("=")[0] for line in kept} >= {"__Host-access", "__Host-refresh"}
    assert all("; Secure" in line for line in kept)
    assert "Strict-Transport-Security" in answer.headers


def test_logging_in_gives_another_session_than_the_one_before(
    visitor: Visitor, maria: Account
) -> None:
    visitor.get("/entrar")
    before = visitor.session.cookies["pagina"]
    old_token = re.search(r'name="csrf_token" value="([^"]+)"', visitor.get("/entrar").text)
    assert old_token

    visitor.send("/entrar", **maria.person.log_in())

    assert visitor.session.cookies["pagina"] != before
    answer = visitor.session.post(
        f"{visitor.address}/sair", data={"csrf_token": old_token[1]}, timeout=TIMEOUT_SECONDS
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("target", ELSEWHERE)
def test_logging_in_never_leads_to_another_site(
    visitor: Visitor, maria: Account, target: str
) -> None:
    form = requests.Request("GET", "http://x/entrar", params={"next": target}).prepare().path_url

    answer = visitor.send(form, **maria.person.log_in())

    assert answer.status_code == 302
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("target", ELSEWHERE)
def test_an_address_elsewhere_is_never_ours(target: str) -> None:
    assert own_path(target, "/here") == "/here"


@pytest.mark.parametrize("target", ["/", "/agenda?pagina=2", "/consultas/7", "/agenda/mes?data=x"])
def test_a_path_is_ours(target: str) -> None:
    assert own_path(target, "/elsewhere") == target


def test_who_is_not_logged_in_comes_back_to_the_page_that_they_wanted(
    visitor: Visitor, maria: Account
) -> None:
    to_form = visitor.get("/agenda?pagina=1&busca=a%C3%A7o").headers["Location"]

    answer = visitor.send(to_form, **maria.person.log_in())

    assert answer.headers["Location"] == "/agenda?pagina=1&busca=a%C3%A7o"


def test_an_expired_access_token_is_renewed_without_a_word(
    visitor: Visitor, maria: Account
) -> None:
    visitor.with_tokens("", maria.tokens["refresh"])

    answer = visitor.get("/agenda")

    assert answer.status_code == 200
    assert visitor.session.cookies["refresh"] != maria.tokens["refresh"]
    assert visitor.get("/agenda").status_code == 200


def test_requests_that_arrive_together_share_one_renewal(web: str, maria: Account) -> None:
    together = 6
    start = Barrier(together)
    visitors = [Visitor(web).with_tokens("", maria.tokens["refresh"]) for _ in range(together)]

    def ask(one: Visitor) -> int:
        start.wait(TIMEOUT_SECONDS)
        return one.get("/agenda").status_code

    with ThreadPoolExecutor(together) as pool:
        statuses = list(pool.map(ask, visitors))

    assert statuses == [200] * together
    assert len({one.session.cookies["refresh"] for one in visitors}) == 1
    # A second use would have revoked the family, and the new token with it.
    assert visitors[0].with_tokens("", visitors[0].session.cookies["refresh"]).get("/agenda").ok


def test_a_session_that_cannot_be_renewed_ends_at_the_log_in_and_comes_back(
    visitor: Visitor, maria: Account
) -> None:
    users = maria.suite.address("users")
    requests.post(
        f"{users}/auth/logout",
        headers={"Authorization": f"Bearer {maria.tokens['refresh']}"},
        timeout=TIMEOUT_SECONDS,
    ).raise_for_status()
    visitor.with_tokens("", maria.tokens["refresh"])

    answer = visitor.get("/agenda/mes?data=2026-11-01")

    assert answer.headers["Location"] == "/entrar?next=/agenda/mes?data%3D2026-11-01"
    assert "refresh" not in visitor.session.cookies


def test_logging_out_revokes_the_tokens(visitor: Visitor, maria: Account) -> None:
    visitor.send("/entrar", **maria.person.log_in())
    refresh = visitor.session.cookies["refresh"]

    visitor.send("/sair", form="/agenda")

    assert visitor.get("/agenda").status_code == 302
    assert visitor.with_tokens("", refresh).get("/agenda").status_code == 302


def test_somebody_elses_job_looks_like_none(visitor: Visitor, maria: Account, web: str) -> None:
    job = maria.schedule("11222333000181", title=HOSTILE)
    stranger = Visitor(web)
    other = somebody()
    stranger.send("/criar-conta", **other.sign_up())

    for page in ("", "/editar", "/excluir", "/cancelar", "/resultado-1.pdf"):
        answer = stranger.get(f"/consultas/{job['id']}{page}")
        assert answer.status_code == 404
        assert HOSTILE not in answer.text


def test_what_people_type_is_shown_as_text(visitor: Visitor, maria: Account) -> None:
    maria.schedule("11222333000181", title=HOSTILE, description=HOSTILE)
    visitor.with_tokens(maria.tokens["token"], maria.tokens["refresh"])

    page = visitor.get("/agenda").text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;&amp;" in page


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("priority", "9" * 5_000, 422),
        ("idempotency_key", "a\r\nX-Request-ID: b", 302),
        ("idempotency_key", "chave-é", 302),
        ("idempotency_key", "a" * 70_000, 302),
    ],
)
def test_a_form_that_is_not_ours_crashes_nothing(
    visitor: Visitor, maria: Account, field: str, value: str, status: int
) -> None:
    visitor.with_tokens(maria.tokens["token"], maria.tokens["refresh"])
    job = {"title": "Consulta", "cpf_cnpj": "11222333000181", "when": "now"}

    assert visitor.send("/consultas/nova", **job, **{field: value}).status_code == status


@pytest.mark.parametrize("claims", ['{"exp":"a"}', '{"exp":null}', "[]", "[" * 3_000])
def test_a_cookie_that_is_no_token_asks_for_a_log_in(visitor: Visitor, claims: str) -> None:
    token = base64.urlsafe_b64encode(claims.encode()).decode().rstrip("=")
    visitor.with_tokens(f"x.{token}.x", "no-token")

    assert visitor.get("/agenda").status_code == 302


def test_a_password_is_never_sent_back(visitor: Visitor) -> None:
    answer = visitor.send("/entrar", email="nobody@empresa.example", password="a-wrong-password")

    assert answer.status_code == 401
    assert "a-wrong-password" not in answer.text
    assert "nobody@empresa.example" in answer.text
