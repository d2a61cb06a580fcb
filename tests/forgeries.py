"""Tokens that no service may accept, made of what a good one says."""

import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def forgeries(claims: dict[str, Any], kid: str, key: Ed25519PrivateKey) -> dict[str, str]:
    """Return tokens by what is wrong with each; ``kid`` and ``key`` are the true ones."""
    headers = {"kid": kid}
    public = key.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def signed(**changes: Any) -> str:
        return jwt.encode(claims | changes, key, "EdDSA", headers)

    return {
        "expired": signed(exp=int(time.time()) - 1),
        "of another issuer": signed(iss="another"),
        "for another audience": signed(aud="another"),
        "of another key": jwt.encode(claims, Ed25519PrivateKey.generate(), "EdDSA", headers),
        "of an unknown key": jwt.encode(claims, key, "EdDSA", {"kid": "another"}),
        "unsigned": jwt.encode(claims, "", "none", headers),
        "hmac with the public key": jwt.encode(claims, public.public_bytes_raw(), "HS256", headers),
        # PyJWT itself refuses to sign with a PEM, so the secret is what follows its first line.
        "hmac with the PEM": jwt.encode(claims, pem.split(b"\n", 1)[1], "HS256", headers),
    }
