"""Project-W's answers: `msg` and `error` are of 0.2, `detail` is of 0.6. Clients compare content types exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mintmaster.gate.messages import JSON, NO_STORE, Answer, Refused, encode

if TYPE_CHECKING:
    from mintmaster.gate.messages import Header

_CHALLENGE: Header = (b"www-authenticate", b"Bearer")

NO_RUNNER = "No runner with that token exists!"


def answer(status: int, value: object, *headers: Header) -> Answer:
    """An answer in JSON."""
    return Answer(status, encode(value), JSON, (NO_STORE, *headers))


def msg(status: int, text: str) -> Refused:
    """What people were told by version 0.2."""
    return Refused(answer(status, {"msg": text}))


def error(text: str) -> Refused:
    """What runners were told by version 0.2: always 400."""
    return Refused(answer(400, {"error": text}))


def detail(status: int, text: object) -> Refused:
    """What version 0.6 tells everybody."""
    headers = (_CHALLENGE,) if status == 401 else ()
    return Refused(answer(status, {"detail": text}, *headers))


def invalid(*place: str) -> Refused:
    """422 of version 0.6: a field is missing or malformed."""
    return detail(422, [{"type": "value_error", "loc": place, "msg": "Invalid or missing value"}])
