"""The credential of a caller: a bearer token in the Authorization header, and nowhere else (RFC 6750, section 2.1)."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from mintmaster.gate.messages import NO_STORE, Answer, Refused, oauth_error

if TYPE_CHECKING:
    from mintmaster.gate.messages import Header, IssuerRequest

_B64TOKEN = (string.ascii_letters + string.digits + "-._~+/").encode()

MAX_CREDENTIAL_OCTETS = 8192
"""Longest credential looked at; tokens of some identity providers of clusters exceed our own 4 KiB."""

REALM = b'Bearer realm="mintmaster"'


def bearer_token(request: IssuerRequest) -> str:
    """Read the bearer token of a request.

    Refused as RFC 6750, section 3.1 says: 401 without an error code where there is none, or another scheme is used;
    400 where the header is malformed or stands twice.
    """
    values = request.values(b"authorization")
    if not values:
        raise _no_credentials()
    if len(values) > 1:
        raise malformed("more than one Authorization header")
    scheme, _, credential = values[0].partition(b" ")
    if scheme.lower() != b"bearer":
        raise _no_credentials()
    credential = credential.lstrip(b" ")
    if not _is_b64token(credential):
        raise malformed("the Authorization header is malformed")
    return credential.decode("ascii")


def _is_b64token(credential: bytes) -> bool:
    """Whether it has the form of RFC 6750, section 2.1; a regular expression would take four times as long."""
    characters = credential.rstrip(b"=")
    fits = len(characters) > 0 and len(credential) <= MAX_CREDENTIAL_OCTETS
    return fits and not characters.translate(None, _B64TOKEN)


def _no_credentials() -> Refused:
    return Refused(Answer(401, headers=(NO_STORE, *_challenge(REALM))))


def malformed(description: str) -> Refused:
    """`invalid_request`: the credential cannot be read."""
    challenge = _challenge(REALM + b', error="invalid_request"')
    return oauth_error(400, "invalid_request", description, *challenge)


def invalid_token() -> Refused:
    """`invalid_token`: the credential is none, or none any longer."""
    challenge = _challenge(REALM + b', error="invalid_token"')
    return oauth_error(401, "invalid_token", "the bearer token is not accepted", *challenge)


def insufficient_scope(scope: str) -> Refused:
    """`insufficient_scope`: the credential is good, but not for this."""
    challenge = _challenge(REALM + b', error="insufficient_scope", scope="' + scope.encode() + b'"')
    return oauth_error(403, "insufficient_scope", "the bearer token lacks a scope", *challenge)


def _challenge(value: bytes) -> tuple[Header, ...]:
    return ((b"www-authenticate", value),)
