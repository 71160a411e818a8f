"""Run:ai's answers, and those of Keycloak in front of older ones. Texts hold nothing that a request supplied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mintmaster.gate.messages import JSON, NO_STORE, Answer, Refused, encode

if TYPE_CHECKING:
    from mintmaster.gate.messages import Header

NO_CONTENT = Answer(204)

_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    429: "Too Many Requests",
}


def answer(status: int, value: object, *headers: Header) -> Answer:
    """An answer in JSON."""
    return Answer(status, encode(value), JSON, (NO_STORE, *headers))


def error(status: int, message: str = "", *headers: Header) -> Refused:
    """An error of Run:ai's control plane."""
    body = {"code": status, "message": message or _TITLES[status]}
    return Refused(answer(status, body, *headers))


def keycloak(status: int, name: str, description: str = "") -> Refused:
    """An error of Keycloak's token endpoint; without a description for a realm that does not exist."""
    body = {"error": name} | ({"error_description": description} if description else {})
    return Refused(answer(status, body))


def invalid_client() -> Refused:
    """401: the client is unknown or the secret is wrong; which of these is nobody's business."""
    return keycloak(401, "invalid_client", "Invalid client or Invalid client credentials")
