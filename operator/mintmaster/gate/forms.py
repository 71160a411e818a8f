"""Bodies of OAuth requests: forms in which every parameter stands once (RFC 6749, section 3.2)."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, NamedTuple
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

_TARGETS = frozenset({"audience", "resource"})
"""The parameters that may stand several times (RFC 8693, section 2.1; RFC 8707, section 2)."""


class Parameters(NamedTuple):
    """The parameters of one request; those without a value count as absent. Unknown ones are the reader's to ignore."""

    single: Mapping[str, str]
    targets: tuple[str, ...]
    """Values of `audience` and `resource`."""

    def get(self, name: str) -> str | None:
        """The value of a parameter, if it is there."""
        return self.single.get(name)

    def required(self, name: str) -> str:
        """The value of a parameter that has to be there."""
        value = self.single.get(name)
        if value is None:
            raise oauth_error(400, "invalid_request", f"the parameter {name} is missing")
        return value


def parameters(request: IssuerRequest) -> Parameters:
    """Read the parameters. Refused with `invalid_request` where the body is no form, or a parameter stands twice."""
    if request.media_type != FORM:
        raise oauth_error(415, "invalid_request", "the body must be a form (urlencoded)")
    pairs = _pairs(request.body)
    if len(pairs) == 1 and pairs[0][0] not in _TARGETS:
        # Nearly every request has one parameter.
        return Parameters(dict(pairs) if pairs[0][1] else {}, ())
    targets = tuple(value for name, value in pairs if name in _TARGETS and value)
    others = [pair for pair in pairs if pair[0] not in _TARGETS]
    found = dict(others)
    if len(found) != len(others):
        raise oauth_error(400, "invalid_request", "a parameter is repeated")
    return Parameters({name: value for name, value in found.items() if value}, targets)


def required(request: IssuerRequest, name: str) -> str:
    """Read one parameter that has to be there."""
    return parameters(request).required(name)


def _pairs(body: bytes) -> list[tuple[str, str]]:
    name, equals, value = body.partition(b"=")
    # Nothing in it that would have to be decoded.
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
