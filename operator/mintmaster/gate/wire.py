"""How an answer stands on the wire (RFC 9112): whole, in one piece, so that it is sent at once."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mintmaster.gate.messages import Answer, Header

CLOSE: Header = (b"connection", b"close")
"""Header field: this is the last answer of its connection (RFC 9112, section 9.6)."""

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in HTTPStatus
}


def octets(answer: Answer, general: Iterable[Header], *, closes: bool, bodiless: bool) -> bytes:
    """Write an answer out, with the fields that all answers have, and without its body for HEAD.

    ValueError where a field has a line break in it, which would make fields, or another answer, of what follows.
    """
    fields = [*general, *answer.fields]
    if closes and CLOSE not in fields:
        fields.append(CLOSE)
    lines = [b"%b: %b" % field for field in fields]
    head = b"\r\n".join((_STATUS_LINES[answer.status], *lines, b"", b""))
    if not head.count(b"\n") == head.count(b"\r") == len(lines) + 2:
        raise ValueError("a field of the answer has a line break")
    return head if bodiless else head + answer.body
