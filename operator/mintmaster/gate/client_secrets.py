"""How a client shows its id and secret: HTTP Basic, or the body of the request (RFC 6749, section 2.3.1)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from mintmaster.gate.messages import oauth_error

if TYPE_CHECKING:
    from mintmaster.gate.forms import Parameters
    from mintmaster.gate.messages import Header, IssuerRequest, Refused

BASIC = b"basic"

AUTHENTICATION_METHODS = ("client_secret_basic", "client_secret_post")
"""As metadata name them (RFC 8414, section 2)."""

_CHALLENGE: tuple[Header, ...] = ((b"www-authenticate", b'Basic realm="mintmaster"'),)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a client shows."""

    client_id: str
    client_secret: str = field(repr=False)


def shown(request: IssuerRequest, form: Parameters) -> Shown | None:
    """Read what a client shows; None where it shows no secret.

    Refused with `invalid_request` where it shows two, and with `invalid_client` where it cannot be read.
    """
    in_header = _in_header(request)
    in_body = form.get("client_secret")
    named = form.get("client_id")
    if in_header is None:
        return Shown(named or "", in_body) if in_body is not None else None
    if in_body is not None:
        raise oauth_error(400, "invalid_request", "the client authenticates in two ways")
    if named is not None and named != in_header.client_id:
        raise oauth_error(400, "invalid_request", "the client gives two client ids")
    return in_header


def is_basic(authorization: bytes) -> bool:
    """Whether a value of the header field `Authorization` is one of HTTP Basic (RFC 7617)."""
    return authorization.partition(b" ")[0].lower() == BASIC


def invalid_client() -> Refused:
    """`invalid_client`: nothing is said of what was wrong (RFC 6749, section 5.2)."""
    return oauth_error(401, "invalid_client", "client authentication failed", *_CHALLENGE)


def _in_header(request: IssuerRequest) -> Shown | None:
    values = request.values(b"authorization")
    if not values:
        return None
    if len(values) > 1:
        raise oauth_error(400, "invalid_request", "more than one Authorization header")
    scheme, _, credentials = values[0].partition(b" ")
    if scheme.lower() != BASIC:
        raise invalid_client()
    try:
        text = base64.b64decode(credentials.strip(b" "), validate=True).decode("ascii")
        client_id, colon, client_secret = text.partition(":")
        # Both are form-encoded before they are joined.
        found = Shown(_decoded(client_id), _decoded(client_secret))
    except (binascii.Error, UnicodeDecodeError):
        raise invalid_client() from None
    if not colon:
        raise invalid_client()
    return found


def _decoded(text: str) -> str:
    return unquote_plus(text, errors="strict")
