"""REANA's answers, byte for byte. Texts hold nothing that a request supplied but whom it names."""

from __future__ import annotations

from mintmaster.gate.messages import JSON, NO_STORE, Answer, Refused, encode


def answer(status: int, value: object) -> Answer:
    """An answer in JSON. Clients validate it by a schema in which nothing may be null: leave out what is not known."""
    return Answer(status, encode(value), JSON, (NO_STORE,))


def message(status: int, text: str) -> Refused:
    """What went wrong, as the routes of users say it."""
    return Refused(answer(status, {"message": text}))


def not_signed_in() -> Refused:
    """401: there is no credential. Clients take it for an outage, so a bad one gets 403."""
    return message(401, "User not signed in")


def token_not_valid() -> Refused:
    """403: it is no token of a user, or none any longer."""
    return message(403, "Token not valid.")


def token_revoked() -> Refused:
    """403: it was a token of a user."""
    return message(403, "User access token revoked.")


def managed(status: int, text: str) -> Refused:
    """What went wrong, as the route of those who manage tokens says it."""
    return Refused(answer(status, {"message": text, "status": status}))
