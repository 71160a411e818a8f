"""What users of REANA ask about themselves: who they are, and whether they may have a token."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mintmaster import __version__
from mintmaster.api.user_access_token import UserAccessToken
from mintmaster.gate.compat.fields import query_fields, text
from mintmaster.gate.compat.reana import answers
from mintmaster.gate.compat.reana.accounts import (
    MAX_LIVES,
    AccessTokenStatus,
    life_of,
    requested_at,
    status_of,
    user_id,
)
from mintmaster.gate.compat.reana.directory import Directory
from mintmaster.gate.compat.requesters import Rejection
from mintmaster.kube.errors import AlreadyExists

if TYPE_CHECKING:
    from mintmaster.gate.compat.foundation import Foundation
    from mintmaster.gate.compat.requesters import Requester
    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.messages import Answer, IssuerRequest

_NO_QUOTA: dict[str, dict[str, str]] = {"cpu": {}, "disk": {}}
"""Quota is none of ours; clients want to see the two entries."""


@dataclass(frozen=True, slots=True)
class _SignedIn:
    """A user who showed a token: as REANA's clients do, or as whoever has signed in elsewhere."""

    requester: Requester
    resource: UserAccessToken
    shown: str = field(repr=False)
    """REANA's access token; empty where the user signed in with another token."""


@dataclass(frozen=True, slots=True)
class Users:
    """Answers users."""

    foundation: Foundation

    async def you(self, request: IssuerRequest) -> Answer:
        """`GET /api/you`: who the user is. What is not known is left out, never null."""
        user = await self._signed_in(request)
        spec, account = user.resource.spec, await self._account(request.issuer, user)
        body = {
            "id_": user_id(request.issuer.url, account or user.resource),
            "email": spec.user.email,
            "reana_server_version": __version__,
            "reana_token": _token(user, account),
            "full_name": spec.user.full_name,
            "username": spec.user.username,
            "quota": _NO_QUOTA,
        }
        return answers.answer(200, body)

    async def request_token(self, request: IssuerRequest) -> Answer:
        """`PUT /api/token`: ask for a token, which somebody has to grant; 500 as there for whoever has one."""
        user, issuer = await self._signed_in(request), request.issuer
        account = await self._directory.latest(issuer, user.resource.spec.user.email)
        if account is not None and status_of(account) is not AccessTokenStatus.REVOKED:
            raise _has_already(status_of(account))
        life = life_of(account.metadata.name) + 1 if account is not None else 1
        if life > MAX_LIVES:
            raise answers.message(403, "Action not permitted.")
        try:
            created = await self._directory.request(
                issuer, user.requester, user.resource.spec.user, life
            )
        except AlreadyExists:
            raise _has_already(AccessTokenStatus.REQUESTED) from None
        return answers.answer(200, {"reana_token": _described(created)})

    async def _account(self, issuer: KnownIssuer, user: _SignedIn) -> UserAccessToken | None:
        """The resource of REANA's access token, for a user who signed in with another."""
        if user.shown:
            return None
        return await self._directory.latest(issuer, user.resource.spec.user.email)

    async def _signed_in(self, request: IssuerRequest) -> _SignedIn:
        shown = text(query_fields(request), "access_token")
        credential = shown or _bearer(request)
        if not credential:
            raise answers.not_signed_in()
        requester = await self.foundation.requesters.of(request.issuer, credential)
        if requester is Rejection.REVOKED:
            raise answers.token_revoked()
        if isinstance(requester, Rejection):
            raise answers.token_not_valid()
        resource = await self.foundation.resources.read(requester.token.resource)
        if not isinstance(resource, UserAccessToken):
            raise answers.token_not_valid()
        return _SignedIn(requester, resource, shown)

    @property
    def _directory(self) -> Directory:
        return Directory(self.foundation)


def _bearer(request: IssuerRequest) -> str:
    values = request.values(b"authorization")
    scheme, _, credential = values[0].partition(b" ") if len(values) == 1 else (b"", b"", b"")
    return credential.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""


def _token(user: _SignedIn, account: UserAccessToken | None) -> dict[str, str]:
    if user.shown:
        return {"value": user.shown} | _described(user.resource, AccessTokenStatus.ACTIVE)
    return _described(account) if account is not None else {}


def _described(
    resource: UserAccessToken, status: AccessTokenStatus | None = None
) -> dict[str, str]:
    described = {"status": (status or status_of(resource)).value}
    asked_at = requested_at(resource)
    return described | {"requested_at": asked_at} if asked_at is not None else described


def _has_already(status: AccessTokenStatus) -> Exception:
    return answers.message(500, f"User has already {_ARTICLES[status]} access token.")


_ARTICLES = {
    AccessTokenStatus.ACTIVE: "an active",
    AccessTokenStatus.REQUESTED: "a requested",
}
