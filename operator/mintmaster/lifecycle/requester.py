"""Who asked for a token over HTTP: nobody is given a token that may do more than the one that they showed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mintmaster.api.client_application import ClientApplication
from mintmaster.api.runner_registration import RunnerRegistration, RunnerType
from mintmaster.api.user_access_token import UserAccessToken
from mintmaster.lifecycle.grants import ALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from mintmaster.api.delivery import RequestedBy
    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.rights import Rights
    from mintmaster.api.status import TokenRecord

ADMINISTRATOR = "Administrator"
"""Role whose bearers may ask for tokens that speak for others, and for runners that serve everybody."""


def held_rights(asked: RequestedBy, resource: TokenResource | None, now: datetime) -> Rights | None:
    """The recorded rights of the token that was shown; None where it is not active (any more).

    `resource` is what stands under the UID that `asked` names. What an application shows is minted by gates and
    recorded nowhere: it has at most the rights of the client secret.
    """
    if resource is None or resource.metadata.deletion_timestamp or resource.spec.revoked:
        return None
    status = resource.status
    if status.uid != resource.metadata.uid:
        return None
    any_will_do = isinstance(resource, ClientApplication)
    for token in status.tokens:
        if (any_will_do or token.id == asked.jti) and _is_active(token, now):
            return token.rights
    return None


def lacking(resource: TokenResource, wanted: Rights, held: Rights) -> tuple[str, ...]:
    """What of the rights wanted for a resource the asker does not have, in words; empty when they have it all."""
    return tuple(_lacking(resource, wanted, held))


def _lacking(resource: TokenResource, wanted: Rights, held: Rights) -> Iterator[str]:
    if ADMINISTRATOR not in held.roles:
        yield from _only_administrators_ask_for(resource, wanted, held)
    yield from _missing("audience", wanted.audiences, held.audiences)
    yield from _missing("scope", wanted.scopes, held.scopes)
    yield from _missing("role", wanted.roles, held.roles)
    if ALL not in held.projects:
        yield from _missing("project", wanted.projects, held.projects)


def _only_administrators_ask_for(
    resource: TokenResource, wanted: Rights, held: Rights
) -> Iterator[str]:
    """Other users' tokens, and runners that serve more than projects: no scope and no project stands for these."""
    if isinstance(resource, UserAccessToken) and wanted.subject != held.subject:
        yield f"subject {wanted.subject!r}"
    runner = resource.spec if isinstance(resource, RunnerRegistration) else None
    if runner is not None and runner.type is RunnerType.INSTANCE:
        yield "runners for the whole instance"
    if runner is not None and runner.type is RunnerType.GROUP and ALL not in held.projects:
        yield "runners for groups"


def _missing(what: str, wanted: Iterable[str], held: Iterable[str]) -> Iterator[str]:
    return (f"{what} {value!r}" for value in sorted(set(wanted) - set(held)))


def _is_active(token: TokenRecord, now: datetime) -> bool:
    ends = (token.expires_at, token.valid_until)
    return all(end is None or now < end for end in ends)
