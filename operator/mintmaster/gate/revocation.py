"""Token revocation (RFC 7009): revoking any token of a resource revokes the resource, and so all its tokens."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from mintmaster.api import decoding, kinds
from mintmaster.api.names import API_VERSION
from mintmaster.gate.bearer import bearer_token
from mintmaster.gate.forms import required
from mintmaster.gate.messages import Answer, come_back, oauth_error
from mintmaster.gate.verification import Active
from mintmaster.kube.errors import Conflict, KubeError, NotFound
from mintmaster.kube.paths import object_path
from mintmaster.lifecycle.activity import known

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mintmaster.gate.callers import Callers
    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.gate.messages import IssuerRequest
    from mintmaster.gate.metrics import Metrics
    from mintmaster.gate.verification import Verification
    from mintmaster.kube.client import Client
    from mintmaster.lifecycle.activity import KnownResource

log = logging.getLogger(__name__)

REVOKED = Answer(200)
"""Also about tokens that are unknown or inactive already (RFC 7009, section 2.2)."""

_ATTEMPTS = 10
"""Writes against somebody who writes at the same time, as an operator that renews the token does."""

_TOKEN_KINDS: Iterable[kinds.ResourceKind[kinds.TokenResource]] = kinds.TOKEN_KINDS
_KINDS = {kind.kind: kind for kind in _TOKEN_KINDS}


class _Metadata(msgspec.Struct, rename="camel"):
    uid: str
    resource_version: str


class _Object(msgspec.Struct):
    metadata: _Metadata


@dataclass(frozen=True, slots=True)
class Revocation:
    """`POST /oauth2/revoke`."""

    verification: Verification
    callers: Callers
    metrics: Metrics
    client: Client
    knowledge: Knowledge

    async def __call__(self, request: IssuerRequest) -> Answer:
        """Revoke a token. Whoever shows it as their credential, too, needs no other right: they hold it."""
        credential = bearer_token(request)
        token = required(request, "token")
        caller = await self.callers.authenticate(request) if credential != token else None
        verdict = await self.verification.verify(request.issuer, token)
        self.metrics.count_verdict("revoke", verdict)
        if not isinstance(verdict, Active):
            return REVOKED
        if caller is not None and not await caller.may_revoke(verdict):
            raise oauth_error(400, "unauthorized_client", "the token is not the caller's to revoke")
        await self._revoke(verdict.resource)
        return REVOKED

    async def _revoke(self, resource: KnownResource) -> None:
        try:
            for _ in range(_ATTEMPTS):
                if await self._revoked(resource):
                    log.info("revoked %s %s/%s", resource.kind, resource.namespace, resource.name)
                    return
        except KubeError as error:
            log.warning("a token could not be revoked: %s", error)
        raise come_back("the token could not be revoked now")

    async def _revoked(self, resource: KnownResource) -> bool:
        """Set `spec.revoked`; False where somebody else wrote at the same time.

        Read first, since only a resourceVersion guards a custom resource's patch against another life of its name.
        """
        kind = _KINDS[resource.kind]
        path = object_path(API_VERSION, kind.plural, resource.namespace, resource.name)
        try:
            meta = _decode(await self.client.get(path)).metadata
            if meta.uid != resource.uid:
                return True
            guard = {"resourceVersion": meta.resource_version}
            patch = {"metadata": guard, "spec": {"revoked": True}}
            written = await self.client.merge_patch(path, patch)
        except NotFound:
            return True
        except Conflict:
            return False
        # Not only when the watch shows it: whoever revoked may ask at once.
        self.knowledge.observe(known(resource.kind, decoding.decode(kind, written)))
        return True


_decode = msgspec.json.Decoder(_Object).decode
