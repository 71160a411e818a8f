"""Revoking users' tokens from afar, which REANA guards by a secret of its own: here, an administrator's token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from mintmaster.api.kinds import USER_ACCESS_TOKEN
from mintmaster.api.user_access_token import UserAccessToken
from mintmaster.gate.compat.fields import Unreadable, body_fields
from mintmaster.gate.compat.reana import answers
from mintmaster.gate.compat.reana.accounts import AccessTokenStatus, status_of, user_id
from mintmaster.gate.compat.reana.directory import Directory
from mintmaster.gate.compat.requesters import Requester
from mintmaster.lifecycle.known import known

if TYPE_CHECKING:
    from mintmaster.gate.compat.foundation import Foundation
    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.messages import Answer, IssuerRequest

_SECRET = b"x-token-management-secret"


@dataclass(frozen=True, slots=True)
class Management:
    """Answers those who manage tokens."""

    foundation: Foundation

    async def revoke_token(self, request: IssuerRequest) -> Answer:
        """`DELETE /api/token`: revoke the active token of the user whom the body names by id or by address."""
        await self._check_manager(request)
        resource = await self._named(request.issuer, _criteria(request))
        if resource is None or status_of(resource) is not AccessTokenStatus.ACTIVE:
            raise answers.managed(404, "No active token to revoke for the given user.")
        await self.foundation.resources.revoke(known(USER_ACCESS_TOKEN.kind, resource))
        body = {
            "status": 200,
            "id_": user_id(request.issuer.url, resource),
            "email": resource.spec.user.email,
            "message": "Access token revoked.",
            "reana_token": {"status": AccessTokenStatus.REVOKED.value},
        }
        return answers.answer(200, body)

    async def _check_manager(self, request: IssuerRequest) -> None:
        """Refused for all but administrators; for good tokens of others the route is not there."""
        shown = request.values(_SECRET)
        credential = shown[0].decode("latin-1") if len(shown) == 1 else ""
        manager = await self.foundation.requesters.of(request.issuer, credential)
        if not credential or not isinstance(manager, Requester):
            raise answers.managed(401, "Unauthorized")
        if not manager.is_administrator:
            raise answers.managed(403, "Token management endpoint is not configured.")

    async def _named(
        self, issuer: KnownIssuer, criteria: tuple[str, str]
    ) -> UserAccessToken | None:
        named_id, email = criteria
        directory = Directory(self.foundation)
        if named_id:
            return await directory.of_id(issuer, named_id)
        return await directory.latest(issuer, email) or await self._applied(issuer, email)

    async def _applied(self, issuer: KnownIssuer, email: str) -> UserAccessToken | None:
        """The newest token of a user who has no account: one that somebody applied."""
        subject = f"user:{email}"
        found = [
            resource
            for resource in self.foundation.knowledge.all_of(USER_ACCESS_TOKEN.kind, issuer.name)
            if any(token.rights.subject == subject for token in resource.tokens)
            and not resource.revoked
        ]
        if not found:
            return None
        newest = max(found, key=lambda it: it.seniority)
        read = await self.foundation.resources.read_all([newest])
        return next((it for it in read if isinstance(it, UserAccessToken)), None)


def _criteria(request: IssuerRequest) -> tuple[str, str]:
    """Id and address of the user; just one of them is there."""
    try:
        found = body_fields(request)
    except Unreadable:
        found = {}
    if not found:
        raise answers.managed(400, "Invalid request. Expected application/json body.")
    named_id, email = found.get("user_id") or "", found.get("email") or ""
    if not isinstance(named_id, str) or not isinstance(email, str):
        raise answers.managed(400, "Invalid request. Errors: not a valid string.")
    if bool(named_id) is bool(email):
        raise answers.managed(400, "Exactly one of `user_id` or `email` must be provided.")
    return _canonical(named_id), email.lower()


def _canonical(named_id: str) -> str:
    """An id as labels have it."""
    try:
        return str(UUID(named_id)) if named_id else ""
    except ValueError:
        raise answers.managed(404, "No active token to revoke for the given user.") from None
