"""What a JWT says of itself before anything about it is verified: enough to know whom to ask about it."""

from __future__ import annotations

from contextlib import suppress

from mintmaster.tokens import base64url, strict_json

_PARTS_OF_A_JWS = 3


def claims(token: str) -> dict[str, object]:
    """The claims of a JWT; empty for anything else."""
    parts = token.split(".")
    if len(parts) != _PARTS_OF_A_JWS:
        return {}
    with suppress(ValueError):
        return strict_json.parse_object(base64url.decode(parts[1].encode()))
    return {}


def names_audience(token_claims: dict[str, object], url: str) -> bool:
    """Whether they name this audience (RFC 7519, section 4.1.3: a string or a list)."""
    audience = token_claims.get("aud")
    return audience == url or (isinstance(audience, list) and url in audience)
