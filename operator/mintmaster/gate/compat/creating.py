"""Making a token for whoever asks, and the resource that carries its digest; handed out once it is active.

The value exists here and in the answer only (I14). Before anything is written it is looked whether asker and issuer
let such a token be; the operator looks again, by what it knows itself, when it activates the digest.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mintmaster.api import decoding
from mintmaster.api.client_application import ClientApplicationSpec
from mintmaster.api.names import ANNOTATION_TRACEPARENT, API_VERSION, CLIENT_SECRET_PREFIX
from mintmaster.api.reasons import Reason
from mintmaster.gate.compat.orders import (
    NotIssued,
    check_requester,
    completed,
    digest_patch,
    kind_of,
    same_request,
)
from mintmaster.gate.compat.resources import Gone, NotAllowed, Unfit, answering
from mintmaster.gate.messages import Refused, come_back
from mintmaster.kube.errors import AlreadyExists
from mintmaster.kube.paths import collection_path, object_path
from mintmaster.kube.tracing import UNTRACED
from mintmaster.lifecycle import rights
from mintmaster.lifecycle.known import known
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mintmaster.api.kinds import TokenResource
    from mintmaster.gate.compat.orders import Order
    from mintmaster.gate.compat.requesters import Requester
    from mintmaster.gate.compat.resources import Resources
    from mintmaster.gate.verification import Arrivals
    from mintmaster.kube.tracing import Tracing
    from mintmaster.lifecycle.known import KnownResource, KnownToken

log = logging.getLogger(__name__)

PATIENCE = 8.0
"""Seconds that the operator is waited for; clients of all four systems wait longer."""


class AlreadyMade(Exception):
    """The name is taken, or the key was used for another request, or what was made with it has been revoked."""


@dataclass(frozen=True, slots=True)
class Made:
    """A token that is active, and its resource."""

    resource: KnownResource
    record: KnownToken
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Creating:
    """Makes tokens for callers.

    Both ways raise NotIssued where the token may not be, NotAllowed and Unfit where the resource may not, and
    Refused with 503 where it could not be done now. In all these cases nothing is left of the attempt.
    """

    resources: Resources
    arrivals: Arrivals
    tracing: Tracing = UNTRACED
    patience: float = PATIENCE

    async def create(self, order: Order) -> Made:
        """Make a resource and its token. Raises AlreadyMade, too."""
        value = order.value or opaque.mint(_prefix(order))
        labels = self.resources.knowledge.labels(order.issuer.view.spec.api_namespace)
        wanted = completed(order, digest(value), labels)
        if self.arrivals.full:
            raise come_back("too many tokens are being made at a time", seconds=1)
        try:
            created = await self._create(wanted)
        except AlreadyExists:
            return await self._again(order, wanted, value)
        try:
            return await self._activated(created, value)
        except (NotIssued, Refused):
            await self._take_back(created)
            raise

    async def replace(self, resource: KnownResource, requester: Requester, value: str) -> Made:
        """Give a resource another token; its former one ends at once. Raises Gone, too."""
        former: str | None = None

        def wanted(present: TokenResource) -> dict[str, object]:
            nonlocal former
            former = present.spec.token.value_digest
            self._check(present, requester)
            asker = requester.named
            named = {"subject": asker.subject, "uid": asker.uid, "jti": asker.jti}
            spec = digest_patch(present, digest(value)) | {"requestedBy": named}
            traced = self._traced()
            return {"spec": spec, "metadata": {"annotations": traced}} if traced else {"spec": spec}

        changed = await self.resources.change(resource, wanted)
        try:
            return await self._activated(known(resource.kind, changed), value)
        except (NotIssued, Refused):
            await self._put_back(resource, digest(value), former)
            raise

    def _check(self, present: TokenResource, requester: Requester) -> None:
        """Another value gives its holder all that the resource may have, which may be more than the asker's own."""
        issuer = self.resources.knowledge.issuers.get(present.spec.issuer_ref.name)
        if issuer is None:
            raise NotIssued(Reason.ISSUER_NOT_FOUND)
        check_requester(present, rights.desired(present, issuer.view), requester)

    async def _create(self, wanted: TokenResource) -> KnownResource:
        kind = kind_of(wanted)
        if traced := self._traced():
            meta = replace(wanted.metadata, annotations=wanted.metadata.annotations | traced)
            wanted = replace(wanted, metadata=meta)
        path = collection_path(API_VERSION, kind.plural, wanted.metadata.namespace)
        try:
            with answering():
                raw = await self.resources.client.create(path, decoding.encode(kind, wanted))
        except Gone:
            log.warning("namespace %r does not exist", wanted.metadata.namespace)
            raise come_back("tokens cannot be made now") from None
        return known(kind.kind, decoding.decode(kind, raw))

    def _traced(self) -> dict[str, str]:
        """The annotation by which the operator goes on with this trace; none while there is none."""
        traceparent = self.tracing.traceparent()
        return {ANNOTATION_TRACEPARENT: traceparent} if traceparent else {}

    async def _again(self, order: Order, wanted: TokenResource, value: str) -> Made:
        """The same order once more: the resource stands, and gets the value that this answer will carry."""
        kind, meta = kind_of(wanted), wanted.metadata
        try:
            with answering():
                raw = await self.resources.client.get(
                    object_path(API_VERSION, kind.plural, meta.namespace, meta.name)
                )
        except Gone:
            raise come_back("what was made before is just going", seconds=1) from None
        present = decoding.decode(kind, raw)
        ended = present.spec.revoked or present.metadata.deletion_timestamp is not None
        if not order.idempotency_key or ended or not same_request(present, wanted):
            raise AlreadyMade
        return await self.replace(known(kind.kind, present), order.requester, value)

    async def _activated(self, resource: KnownResource, value: str) -> Made:
        """Wait until the status names the digest (I3), or tells why it never will."""
        presented = digest(value)
        try:
            async with asyncio.timeout(self.patience):
                while True:
                    made = self._looked_at(resource.uid, value, presented)
                    if made is not None:
                        return made
                    await self.arrivals.news_of(resource.uid)
        except TimeoutError:
            log.warning("%s %s is not activated", resource.kind, resource.name)
        raise come_back("the token is not active yet")

    def _looked_at(self, uid: str, value: str, presented: str) -> Made | None:
        present = self.resources.knowledge.resource(uid)
        if present is None:
            return None
        record = present.holding(presented)
        if record is not None:
            return Made(present, record, value)
        if present.claims(presented) and present.problem:
            raise NotIssued(present.problem)
        return None

    async def _take_back(self, resource: KnownResource) -> None:
        """Delete what was made in vain; where even that fails it stays, without anybody who knows its token."""
        with _forgiving("deleted", resource):
            await self.resources.delete(resource)

    async def _put_back(self, resource: KnownResource, given: str, former: str | None) -> None:
        """Let the former token stand, since nobody got the other one."""

        def wanted(present: TokenResource) -> dict[str, object]:
            is_ours = present.spec.token.value_digest == given
            return {"spec": digest_patch(present, former)} if is_ours else {}

        with _forgiving("put back", resource):
            await self.resources.change(resource, wanted)


def _prefix(order: Order) -> str:
    return CLIENT_SECRET_PREFIX if isinstance(order.spec, ClientApplicationSpec) else order.prefix


@contextmanager
def _forgiving(what: str, resource: KnownResource) -> Iterator[None]:
    """Let clearing up fail: the answer that is being given is about something else."""
    try:
        yield
    except Gone:
        return
    except (NotAllowed, Unfit, Refused) as error:
        log.warning("%s %s could not be %s: %s", resource.kind, resource.name, what, error)
