"""GitLab's answers, byte for byte: its success and the eight ways in which it refuses.

Texts hold nothing that a request supplied, but for names of parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mintmaster.gate.messages import JSON, NO_STORE, Answer, Refused, encode

if TYPE_CHECKING:
    from mintmaster.gate.messages import Header

_REALM = "Protected by OAuth 2.0"
"""What rack-oauth2 says when it is told nothing else."""

NO_CONTENT = Answer(204)

EXPIRED = "Token is expired. You can either do re-authorization or token refresh."
REVOKED = "Token was revoked. You have to re-authorize from the user."


def answer(status: int, value: object, *headers: Header) -> Answer:
    """An answer in JSON. Clients compare the content type as a whole, so there is no charset in it."""
    return Answer(status, encode(value), JSON, (NO_STORE, *headers))


def unauthorized() -> Refused:
    """401: there is no token, or nobody knows it."""
    return _message(401, "401 Unauthorized")


def invalid_token(description: str) -> Refused:
    """401: the token was one; `EXPIRED` or `REVOKED`."""
    challenge = f'Bearer realm="{_REALM}", error="invalid_token", error_description="{description}"'
    body = {"error": "invalid_token", "error_description": description}
    return Refused(answer(401, body, (b"www-authenticate", challenge.encode())))


def insufficient_scope(scopes: tuple[str, ...]) -> Refused:
    """403: the token may not do this; the scopes are all that could, in GitLab's order. No challenge, as there."""
    description = "The request requires higher privileges than provided by the access token."
    body = {
        "error": "insufficient_scope",
        "error_description": description,
        "scope": " ".join(scopes),
    }
    return Refused(answer(403, body))


def forbidden(why: str = "") -> Refused:
    """403: nobody like this may do it."""
    return _message(403, f"403 Forbidden - {why}" if why else "403 Forbidden")


def bad_request(why: str) -> Refused:
    """400: it makes no sense here."""
    return _message(400, f"400 Bad request - {why}")


def invalid_parameters(*problems: str) -> Refused:
    """400: parameters are missing or malformed, each told as `<name> is missing` or the like."""
    return Refused(answer(400, {"error": ", ".join(problems)}))


def not_found(thing: str = "") -> Refused:
    """404: there is no such thing, or none that the asker may know of."""
    return _message(404, f"404 {thing} Not Found" if thing else "404 Not Found")


def wrong_method() -> Refused:
    """405: what stands there cannot be asked so."""
    return _message(405, "405 Method Not Allowed")


def conflict(why: str) -> Refused:
    """409: it stands against something that is there already."""
    return _message(409, f"409 Conflict - {why}" if why else "409 Conflict")


def gone(why: str) -> Refused:
    """410: it was possible once."""
    return _message(410, f"410 Gone - {why}")


def precondition_failed() -> Refused:
    """412: it is not what the asker took it for."""
    return _message(412, "412 Precondition Failed")


def too_many() -> Refused:
    """429: it was asked too often."""
    return _message(429, "429 Too Many Requests", (b"retry-after", b"60"))


def _message(status: int, text: str, *headers: Header) -> Refused:
    return Refused(answer(status, {"message": text}, *headers))
