"""What a request of a foreign API says: fields of the query and of a body that is JSON or a form of either kind."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import msgspec

from mintmaster.gate.forms import FORM

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mintmaster.gate.messages import IssuerRequest

MULTIPART = b"multipart/form-data"
MAX_FIELDS = 200
"""Fields of one request; more are an attempt to keep us busy."""

MAX_BODY = 64 * 1024
"""Octets of a body: a runner with the longest description and fifty tags takes a tenth of it."""

_JSON_TYPES = frozenset({b"application/json", b""})


class Unreadable(ValueError):
    """The query or the body is not what its type says, or has too many fields."""


def fields(request: IssuerRequest) -> dict[str, object]:
    """All fields; those of the body go before those of the query. Raises Unreadable.

    Values are text, a list where the name ends in `[]` (which is cut off), or whatever JSON says.
    """
    return query_fields(request) | body_fields(request)


def query_fields(request: IssuerRequest) -> dict[str, object]:
    """The fields of the query. Raises Unreadable."""
    return _collected(_pairs(request.query))


def body_fields(request: IssuerRequest) -> dict[str, object]:
    """The fields of the body; none for a body of another type. Raises Unreadable."""
    if not request.body:
        return {}
    if request.media_type == FORM:
        return _collected(_pairs(request.body))
    if request.media_type == MULTIPART:
        return _collected(_parts(request))
    return _members(request.body) if request.media_type in _JSON_TYPES else {}


def text(found: dict[str, object], name: str) -> str:
    """The field as text; empty where it is absent or anything else. Numbers count as text, as forms have no others."""
    value = found.get(name)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def idempotency_key(request: IssuerRequest) -> str:
    """The header `Idempotency-Key`; empty for none. None of these systems knows it, so it means the same in all."""
    values = request.values(b"idempotency-key")
    return values[0].decode("latin-1") if len(values) == 1 else ""


def _members(body: bytes) -> dict[str, object]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unreadable("the body is no JSON") from None
    if found is None:
        # What GitLab's client for Go sends where no options are given.
        return {}
    if not isinstance(found, dict):
        raise Unreadable("the body is no JSON object")
    return found


def _pairs(encoded: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            encoded.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:
        raise Unreadable("the fields are not well-formed") from None


def _parts(request: IssuerRequest) -> list[tuple[str, str]]:
    """The fields of a multipart form (RFC 7578); files among them are none of our business."""
    head = b"content-type: " + request.values(b"content-type")[0] + b"\r\n\r\n"
    message = BytesParser(policy=HTTP).parsebytes(head + request.body)
    if not message.is_multipart():
        raise Unreadable("the body has no parts")
    found = []
    for part in list(message.iter_parts())[: MAX_FIELDS + 1]:
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            found.append((name, content.decode("utf-8", "replace")))
    if len(found) > MAX_FIELDS:
        raise Unreadable("too many fields")
    return found


def _collected(pairs: Iterable[tuple[str, str]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name.endswith("[]"):
            listed = found.setdefault(name[:-2], [])
            if isinstance(listed, list):
                listed.append(value)
        else:
            found[name] = value
    return found
