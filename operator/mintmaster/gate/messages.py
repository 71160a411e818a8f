"""HTTP requests and answers as endpoints see them; the wire is uvicorn's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from mintmaster.gate.issuer import KnownIssuer

Header = tuple[bytes, bytes]

JSON = b"application/json"
NO_STORE = (b"cache-control", b"no-store")
_WITHOUT_CONTENT = frozenset({204, 304})
"""Statuses whose answers end with the header: a 204 must not name a length (RFC 9110, section 8.6)."""

RETRY_SECONDS = 5
"""When to come back after a 503: a partition does not end sooner, and an overload does."""

encode = msgspec.json.Encoder().encode


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    body: bytes = b""
    content_type: bytes = JSON
    headers: tuple[Header, ...] = (NO_STORE,)

    @property
    def fields(self) -> list[Header]:
        """All header fields, with those that tell about the body."""
        if self.status in _WITHOUT_CONTENT:
            return list(self.headers)
        length = b"%d" % len(self.body)
        return [
            *self.headers,
            (b"content-type", self.content_type),
            (b"content-length", length),
        ]


class Refused(Exception):
    """The request gets this answer and is not worked on any further."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(slots=True)
class IssuerRequest:
    """A whole request, which one issuer is asked."""

    method: str
    headers: list[Header] = field(repr=False)
    body: bytes = field(repr=False)
    issuer: KnownIssuer
    path: str = ""
    """Below the issuer; for endpoints that answer many."""
    query: bytes = field(default=b"", repr=False)

    def values(self, name: bytes) -> list[bytes]:
        """All values of a header field; the name in lower case."""
        return [value for key, value in self.headers if key == name]

    @property
    def media_type(self) -> bytes:
        """The content type without parameters, in lower case; empty unless there is exactly one."""
        values = self.values(b"content-type")
        return values[0].split(b";", 1)[0].strip().lower() if len(values) == 1 else b""


def oauth_error(status: int, error: str, description: str, *headers: Header) -> Refused:
    """Make an error of RFC 6749, section 5.2. The description must hold nothing that the request supplied."""
    body = encode({"error": error, "error_description": description})
    return Refused(Answer(status, body, JSON, (NO_STORE, *headers)))


def plain(status: int, text: str, *headers: Header) -> Answer:
    """Make an answer for people and probes."""
    return Answer(status, text.encode() + b"\n", b"text/plain; charset=utf-8", (NO_STORE, *headers))


def too_many_failures() -> Refused:
    """Say that no further credential is looked at for now (RFC 6585, section 4)."""
    retry = (b"retry-after", b"1")
    return oauth_error(429, "temporarily_unavailable", "too many failures", retry)


def come_back(description: str, seconds: int = RETRY_SECONDS) -> Refused:
    """Say that there is no answer now (RFC 9110, section 15.6.4): never 401 or 403 for lack of knowledge (I17)."""
    retry = (b"retry-after", str(seconds).encode())
    return oauth_error(503, "temporarily_unavailable", description, retry)
