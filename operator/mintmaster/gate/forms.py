"""Bodies of OAuth requests: forms in which every parameter stands once (RFC 6749, section 3.2)."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from mintmaster.gate.messages import oauth_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mintmaster.gate.messages import IssuerRequest

FORM = b"application/x-www-form-urlencoded"

_PLAIN = (string.ascii_letters + string.digits + "-._~").encode()
"""Characters that stand for themselves in a form."""

MAX_FIELDS = 32
"""Parameters of one request; no request of OAuth has so many."""


def parameters(request: IssuerRequest) -> Mapping[str, str]:
    """Read the parameters; unknown ones are the reader's to ignore, and those without a value count as absent.

    Refused with `invalid_request` where the body is no form, or a parameter stands twice.
    """
    if request.media_type != FORM:
        raise oauth_error(415, "invalid_request", "the body must be a form (urlencoded)")
    pairs = _pairs(request.body)
    found = dict(pairs)
    if len(found) != len(pairs):
        raise oauth_error(400, "invalid_request", "a parameter is repeated")
    return {name: value for name, value in found.items() if value}


def required(request: IssuerRequest, name: str) -> str:
    """Read one parameter that has to be there."""
    value = parameters(request).get(name)
    if value is None:
        raise oauth_error(400, "invalid_request", f"the parameter {name} is missing")
    return value


def _pairs(body: bytes) -> list[tuple[str, str]]:
    name, equals, value = body.partition(b"=")
    # Nearly every request has one parameter, with nothing in it to decode.
    if equals and not (name + value).translate(None, _PLAIN):
        return [(name.decode(), value.decode())]
    if not body:
        return []
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:
        raise oauth_error(400, "invalid_request", "the body is not a well-formed form") from None
