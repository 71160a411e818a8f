"""Answers as they stand on the wire: framed so that a client reads this answer and no other."""

from __future__ import annotations

import pytest

from mintmaster.gate.messages import Answer
from mintmaster.gate.wire import CLOSE, octets

DATE = ((b"date", b"Sun, 22 Nov 2026 11:37:00 GMT"),)


def written(answer: Answer, *, closes: bool = False, bodiless: bool = False) -> bytes:
    return octets(answer, DATE, closes=closes, bodiless=bodiless)


def test_an_answer_is_one_piece() -> None:
    assert written(Answer(200, b"{}")) == (
        b"HTTP/1.1 200 OK\r\ndate: Sun, 22 Nov 2026 11:37:00 GMT\r\ncache-control: no-store\r\n"
        b"content-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
    )


def test_an_answer_to_head_tells_how_long_the_body_would_be() -> None:
    answer = written(Answer(200, b"{}"), bodiless=True)
    assert answer.endswith(b"content-length: 2\r\n\r\n")


def test_what_was_not_modified_has_no_body_to_tell_about() -> None:
    assert b"content-" not in written(Answer(304))


@pytest.mark.parametrize("headers", [(), (CLOSE,)])
def test_the_last_answer_says_so_once(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    answer = written(Answer(413, headers=headers), closes=True)
    assert answer.count(b"connection: close\r\n") == 1


def test_other_answers_leave_the_connection_open() -> None:
    assert b"connection" not in written(Answer(200))


@pytest.mark.parametrize(
    "value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb", b"\r\n\r\nHTTP/1.1 200 OK"]
)
def test_a_line_break_in_a_field_is_never_written(value: bytes) -> None:
    with pytest.raises(ValueError, match="line break"):
        written(Answer(200, headers=((b"link", value),)))
    with pytest.raises(ValueError, match="line break"):
        written(Answer(200, headers=((value, b"x"),)))
