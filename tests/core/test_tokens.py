"""Verifying tokens: what is remembered of one, and what is not."""

import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask

from core import tokens
from core.settings import TokenSettings

SETTINGS = TokenSettings()


class Keys:
    """Public keys as they are published; counts how often each is asked for."""

    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.generate()
        self.published = {"first": self.private.public_key()}

    def find(self, kid: str) -> Any:
        if kid not in self.published:
            raise jwt.InvalidTokenError
        return self.published[kid]

    def sign(self, **claims: Any) -> str:
        usual = {
            "sub": "maria",
            "email": "maria@empresa.example",
            "group": "users",
            "type": "access",
            "jti": "1",
            "iss": SETTINGS.token_issuer,
            "aud": SETTINGS.token_audience,
            "exp": time.time() + 60,
        }
        return jwt.encode(usual | claims, self.private, "EdDSA", headers={"kid": "first"})


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def verifier(keys: Keys) -> Iterator[tokens.Verifier]:
    app = Flask("service")
    tokens.configure(app, SETTINGS, keys.find)
    with app.app_context():
        yield app.extensions[tokens.EXTENSION]


def test_a_token_says_the_same_however_often_it_is_shown(
    keys: Keys, verifier: tokens.Verifier
) -> None:
    token = keys.sign()
    assert verifier.claims(token) == verifier.claims(token)
    assert verifier.claims(token)["sub"] == "maria"


def test_a_token_that_was_good_ends_on_time(keys: Keys, verifier: tokens.Verifier) -> None:
    ends = int(time.time() + 1.3)
    token = keys.sign(exp=ends)
    verifier.claims(token)
    time.sleep(ends - time.time())
    with pytest.raises(jwt.ExpiredSignatureError):
        verifier.claims(token)


def test_a_token_that_was_good_is_refused_once_its_key_is_withdrawn(
    keys: Keys, verifier: tokens.Verifier
) -> None:
    token = keys.sign()
    verifier.claims(token)
    keys.published.clear()
    with pytest.raises(jwt.InvalidTokenError):
        verifier.claims(token)


def test_a_token_that_was_good_is_refused_once_another_key_has_the_name_of_its_own(
    keys: Keys, verifier: tokens.Verifier
) -> None:
    token = keys.sign()
    verifier.claims(token)
    keys.published["first"] = Ed25519PrivateKey.generate().public_key()
    with pytest.raises(jwt.InvalidSignatureError):
        verifier.claims(token)


@pytest.mark.parametrize("missing", tokens.REQUIRED)
def test_a_token_without_a_claim_that_we_need_is_refused(
    keys: Keys, verifier: tokens.Verifier, missing: str
) -> None:
    with pytest.raises(jwt.InvalidTokenError):
        verifier.claims(keys.sign(**{missing: None}))


def test_what_is_remembered_has_a_bound(
    keys: Keys, verifier: tokens.Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "MAX_KNOWN", 3)
    shown = [keys.sign(jti=str(number)) for number in range(10)]
    assert [verifier.claims(token)["jti"] for token in shown + shown] == [
        *map(str, range(10)),
        *map(str, range(10)),
    ]
    assert len(verifier._known) == 3
