"""Token revocation (RFC 7009): of a resource with all its tokens, or of one access token of an application."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mintmaster.api.client_application import (
    MAX_REVOKED_TOKENS,
    ClientApplication,
    RevokedToken,
)
from mintmaster.gate.bearer import bearer_token
from mintmaster.gate.callers import is_client
from mintmaster.gate.forms import parameters
from mintmaster.gate.messages import Answer, oauth_error
from mintmaster.gate.verification import Active
from mintmaster.gate.writing import Change
from mintmaster.lifecycle.merge_patch import difference
from mintmaster.lifecycle.rfc3339 import whole_seconds

if TYPE_CHECKING:
    from mintmaster.api.kinds import TokenResource
    from mintmaster.gate.callers import Caller, Callers
    from mintmaster.gate.forms import Parameters
    from mintmaster.gate.messages import IssuerRequest
    from mintmaster.gate.metrics import Metrics
    from mintmaster.gate.verification import Verification
    from mintmaster.gate.writing import Writing
    from mintmaster.kube.clock import Clock

REVOKED = Answer(200)
"""Also about tokens that are unknown or inactive already (RFC 7009, section 2.2)."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """`POST /oauth2/revoke`."""

    verification: Verification
    callers: Callers
    metrics: Metrics
    writing: Writing
    clock: Clock

    async def __call__(self, request: IssuerRequest) -> Answer:
        """Revoke a token."""
        form = parameters(request)
        caller = await self._caller(request, form)
        verdict = await self.verification.verify(request.issuer, form.required("token"))
        self.metrics.count_verdict("revoke", verdict)
        if not isinstance(verdict, Active):
            return REVOKED
        if caller is not None and not await caller.may_revoke(verdict):
            raise oauth_error(400, "unauthorized_client", "the token is not the caller's to revoke")
        await self._revoke(verdict)
        return REVOKED

    async def _caller(self, request: IssuerRequest, form: Parameters) -> Caller | None:
        """Who asks. Whoever shows the token as their credential, too, needs no other right: they hold it."""
        if not is_client(request, form) and bearer_token(request) == form.get("token"):
            return None
        return await self.callers.authenticate(request, form)

    async def _revoke(self, token: Active) -> None:
        if token.resource.application is None:
            await self.writing.change(token.resource, _revoked)
        else:
            ends_at = datetime.fromtimestamp(token.ends_at, UTC)
            entry = RevokedToken(id=token.record.id, expires_at=ends_at)
            change = partial(_with_revoked_token, entry, whole_seconds(self.clock.now()))
            await self.writing.change(token.resource, change)


def _revoked(_: TokenResource) -> Change:
    """The resource, and so all its tokens."""
    return Change({"spec": {"revoked": True}})


def _with_revoked_token(
    entry: RevokedToken, now: datetime, resource: TokenResource
) -> Change | None:
    """One more access token on the list; where there is no room for it, all that were issued until now.

    What has expired by itself need not be remembered.
    """
    assert isinstance(resource, ClientApplication)  # noqa: S101 - only they have such tokens
    status = resource.status
    if any(known.id == entry.id for known in status.revoked_tokens):
        return None
    left = [known for known in status.revoked_tokens if known.expires_at > now]
    if len(left) < MAX_REVOKED_TOKENS:
        changed = replace(status, revoked_tokens=(*left, entry))
    else:
        # Instants have whole seconds: another token may have been issued within this one.
        bound = max(now + timedelta(seconds=1), status.not_before or now)
        changed = replace(status, revoked_tokens=(), not_before=bound)
    return Change({"status": difference(status, changed)}, "status")
