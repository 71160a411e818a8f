"""Minting of JWT access tokens (RFC 9068): claims and a key in, a signed token out."""

import json
from functools import lru_cache

from mintmaster.tokens import base64url, claims
from mintmaster.tokens.claims import (
    AccessTokenClaims,
    ClaimsMalformed,
    ResourceClaim,
    StatusClaim,
    StatusListEntry,
)
from mintmaster.tokens.jws import MAX_TOKEN_BYTES
from mintmaster.tokens.keys import SigningKey

__all__ = [
    "MAX_TOKEN_BYTES",
    "AccessTokenClaims",
    "ClaimsMalformed",
    "ResourceClaim",
    "StatusClaim",
    "StatusListEntry",
    "TokenTooLarge",
    "sign",
]


class TokenTooLarge(ValueError):
    """The token would have more than `MAX_TOKEN_BYTES`."""

    def __init__(self, octets: int) -> None:
        super().__init__(f"the token would have {octets} bytes, the limit is {MAX_TOKEN_BYTES}")
        self.octets = octets


def sign(token_claims: AccessTokenClaims, key: SigningKey) -> str:
    """Mint the token that says these claims, signed by this key.

    Nothing is signed that our own verifier would not read: ClaimsMalformed for such claims,
    TokenTooLarge above `MAX_TOKEN_BYTES`.
    """
    payload = base64url.encode(claims.encode(token_claims))
    signing_input = _header(key.algorithm.value, key.kid) + b"." + payload
    signature = base64url.encode(key.sign(signing_input))
    token = signing_input + b"." + signature
    if len(token) > MAX_TOKEN_BYTES:
        raise TokenTooLarge(len(token))
    return token.decode("ascii")


@lru_cache(maxsize=64)
def _header(algorithm: str, kid: str) -> bytes:
    """Return the encoded header, which all tokens of a key share."""
    header = {"typ": "at+jwt", "alg": algorithm, "kid": kid}
    return base64url.encode(json.dumps(header, separators=(",", ":")).encode("ascii"))
