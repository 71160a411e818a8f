"""What the answers of the API server become."""

import base64
import traceback

import msgspec
import pytest

from kube.fake_api import status
from mintmaster.kube.errors import (
    AlreadyExists,
    ApiError,
    Cause,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    ServerFault,
    TooManyRequests,
    Unauthorized,
    from_response,
    from_status,
)

VALUE = "glrt-a-token-that-nobody-may-read"
ENCODED = base64.b64encode(VALUE.encode()).decode()
SENT = msgspec.json.encode({"data": {"token": ENCODED}})


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (400, "BadRequest", Invalid),
        (401, "Unauthorized", Unauthorized),
        (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound),
        (409, "Conflict", Conflict),
        (409, "AlreadyExists", AlreadyExists),
        (410, "Expired", Gone),
        (422, "Invalid", Invalid),
        (429, "TooManyRequests", TooManyRequests),
        (500, "InternalError", ServerFault),
        (504, "Timeout", ServerFault),
        (302, "", ApiError),
    ],
)
def test_each_status_has_its_class(code: int, reason: str, expected: type[ApiError]) -> None:
    error = from_response(code, msgspec.json.encode(status(code, reason, "so it is")))
    assert type(error) is expected
    assert (error.status, error.reason, error.message) == (code, reason, "so it is")


def test_the_text_says_status_reason_and_message() -> None:
    error = from_response(409, msgspec.json.encode(status(409, "Conflict", "it has changed")))
    assert str(error) == "409 Conflict: it has changed"


def test_causes_are_kept() -> None:
    cause = {"field": "spec.token", "message": "too long", "reason": "FieldValueInvalid"}
    body = msgspec.json.encode(status(422, "Invalid", "no", causes=[cause]))
    assert from_response(422, body).causes == (
        Cause("spec.token", "too long", "FieldValueInvalid"),
    )


@pytest.mark.parametrize(
    ("header", "details", "expected"),
    [
        ("7", {"retryAfterSeconds": 3}, 7.0),
        (None, {"retryAfterSeconds": 3}, 3.0),
        ("Wed, 21 Oct 2030 07:28:00 GMT", {}, None),
        (None, {}, None),
    ],
)
def test_how_long_to_stay_away(
    header: str | None, details: dict[str, object], expected: float | None
) -> None:
    body = msgspec.json.encode(status(429, "TooManyRequests", "slow down", **details))
    assert from_response(429, body, retry_after=header).retry_after == expected


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>bad gateway</html>", b'{"kind": "Secret", "message": "x"}', b"[1]", b'{"code":'],
)
def test_a_body_that_is_no_status_is_not_repeated(body: bytes) -> None:
    assert str(from_response(502, body)) == "502: Bad Gateway"


def test_an_unheard_of_status_has_a_text_too() -> None:
    assert str(from_response(599, b"")) == "599: unknown status"


def test_the_error_of_a_watch_has_its_status_in_the_object() -> None:
    error = from_status(msgspec.json.encode(status(410, "Expired", "too old")))
    assert isinstance(error, Gone)
    assert isinstance(from_status(b'{"kind": "Pod"}'), ServerFault)


@pytest.mark.parametrize("code", [400, 422, 500])
@pytest.mark.parametrize("quote", [VALUE, ENCODED, VALUE[5:20]])
def test_what_may_quote_a_secret_is_withheld(code: int, quote: str) -> None:
    cause = {"field": "data[token]", "message": f'Invalid value: "{quote}"', "reason": "Bad"}
    body = msgspec.json.encode(status(code, "Invalid", f"cannot take {quote}", causes=[cause]))
    error = from_response(code, body, sent=SENT)
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(error.causes)
    assert quote not in shown
    assert error.causes == (Cause("data[token]", "", "Bad"),)


@pytest.mark.parametrize("code", [403, 404, 409, 429])
def test_a_refusal_to_write_a_secret_says_why(code: int) -> None:
    body = msgspec.json.encode(status(code, "Forbidden", "exceeded quota: secrets=1"))
    assert "exceeded quota" in str(from_response(code, body, sent=SENT))


@pytest.mark.parametrize("quote", [VALUE, ENCODED])
@pytest.mark.parametrize(
    "sent",
    [
        SENT,
        msgspec.json.encode({"stringData": {"token": VALUE}, "data": {"token": ENCODED}}),
        b"not JSON",
    ],
)
def test_a_webhook_that_quotes_a_secret_is_not_repeated(quote: str, sent: bytes) -> None:
    body = msgspec.json.encode(status(403, "Forbidden", f"webhook denied {quote}"))
    error = from_response(403, body, sent=sent)
    assert quote not in str(error)
    assert quote not in error.message


def test_base64_that_is_none_does_not_hide_the_error() -> None:
    body = msgspec.json.encode(status(403, "Forbidden", "no"))
    sent = msgspec.json.encode({"data": {"token": "abc"}})
    assert str(from_response(403, body, sent=sent)) == "403 Forbidden: no"
