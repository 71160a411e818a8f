"""Users as GitLab shows them: whoever a token of ours speaks for is one, known by a number made of their address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mintmaster.gate.compat.gitlab.pages import site_url
from mintmaster.lifecycle.identity import numeric_id

if TYPE_CHECKING:
    from mintmaster.gate.compat.requesters import Requester
    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.gate.messages import IssuerRequest
    from mintmaster.lifecycle.known import KnownResource

USER_ACCESS_TOKEN = "UserAccessToken"  # noqa: S105 - a kind

_OF_USERS = "user:"


def user_id(subject: str) -> int:
    """The number of a subject: of 52 bits, as JSON's readers take them (RFC 8259, section 6)."""
    return numeric_id(subject)


def address(subject: str) -> str:
    """The address of a user; for other subjects what they are called."""
    return subject.removeprefix(_OF_USERS)


def brief(request: IssuerRequest, subject: str, username: str = "") -> dict[str, object]:
    """A user as they stand in other things."""
    name = username or address(subject)
    return {
        "id": user_id(subject),
        "username": name,
        "public_email": "",
        "name": name,
        "state": "active",
        "locked": False,
        "avatar_url": None,
        "web_url": f"{site_url(request)}/{name}",
    }


def current(request: IssuerRequest, requester: Requester) -> dict[str, object]:
    """The user that the asker is."""
    resource = requester.token.resource
    whole = brief(request, requester.rights.subject, resource.username)
    return whole | {
        "created_at": resource.created,
        "bio": "",
        "location": "",
        "email": address(requester.rights.subject),
        "commit_email": address(requester.rights.subject),
        "confirmed_at": resource.created,
        "two_factor_enabled": False,
        "external": False,
        "private_profile": False,
        "can_create_group": False,
        "can_create_project": False,
        "is_admin": requester.is_administrator,
        "bot": False,
    }


def found(knowledge: Knowledge, issuer: str, number: int) -> KnownResource | None:
    """The newest token of the user of that number; None where no token speaks for such a user."""
    theirs = [
        resource
        for resource in knowledge.all_of(USER_ACCESS_TOKEN, issuer)
        if user_id(resource.subject) == number
    ]
    return max(theirs, key=lambda it: it.seniority, default=None)
