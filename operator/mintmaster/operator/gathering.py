"""Gathering the facts of one decision: from what is known, and from the API server where that is not enough."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from mintmaster.api import decoding, kinds
from mintmaster.api.client_application import ClientApplication
from mintmaster.api.reasons import ConditionType, Reason
from mintmaster.api.token_spec import Delivery
from mintmaster.kube.errors import NotFound
from mintmaster.lifecycle import client_ids, ownership, rfc3339
from mintmaster.lifecycle.conditions import find
from mintmaster.lifecycle.decision import decide
from mintmaster.lifecycle.facts import Facts
from mintmaster.lifecycle.ownership import Claim
from mintmaster.operator.queue import Key
from mintmaster.operator.setbacks import Overtaken
from mintmaster.operator.statuses import resource_path
from mintmaster.operator.world import SECRET, slim
from mintmaster.tokens.verifier import signature_holds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mintmaster.api.kinds import TokenResource
    from mintmaster.kube.client import Client
    from mintmaster.kube.clock import Clock, Skew
    from mintmaster.kube.secrets import Secrets
    from mintmaster.lifecycle.decision import Plan
    from mintmaster.lifecycle.issuer_view import IssuerView
    from mintmaster.lifecycle.secret_view import Reading
    from mintmaster.operator.world import World
    from mintmaster.tokens.keys import PublicKey

_KINDS: dict[str, kinds.ResourceKind[TokenResource]] = {
    kind.kind: kind for kind in kinds.TOKEN_KINDS
}


class IssuerSource(Protocol):
    """Who knows the issuers."""

    def view(self, name: str) -> IssuerView | None:
        """The issuer of that name."""
        ...

    def public_keys(self, name: str) -> Mapping[str, PublicKey]:
        """The keys that verify what the issuer signed."""
        ...


class Gatherer:
    """Makes `Facts`; asks the API server only where a decision says that it must know more."""

    def __init__(  # noqa: PLR0913 - what a decision is made from
        self,
        *,
        client: Client,
        secrets: Secrets,
        world: World,
        issuers: IssuerSource,
        clock: Clock,
        skew: Skew,
        by_name: bool = False,
    ) -> None:
        self._client = client
        self._secrets = secrets
        self._by_name = by_name
        self._world = world
        self._issuers = issuers
        self._clock = clock
        self._skew = skew

    def gather(self, key: Key, resource: TokenResource, *, content_suspect: bool = False) -> Facts:
        """The facts about a resource as far as they are known; costs no request."""
        return Facts(
            kind=key.kind,
            resource=resource,
            secret=self._world.secret(key.namespace, ownership.secret_name(resource)),
            issuer=self._issuers.view(resource.spec.issuer_ref.name),
            now=rfc3339.whole_seconds(self._clock.now()),
            namespace_labels=self._world.namespace_labels.get(key.namespace, {}),
            namespace_terminating=key.namespace in self._world.terminating,
            clock_trusted=not self._skew.exceeded,
            digest_taken=self._world.has_older_holder(key, resource),
            client_id_taken=self._client_id_taken(key, resource),
            requester=self._requester(resource),
            namespace_issues=self._world.issues_in(key.namespace),
            content_suspect=content_suspect,
            revision_floor=self._world.rewinds.floor(key),
        )

    def _requester(self, resource: TokenResource) -> TokenResource | None:
        asked = resource.spec.requested_by
        return self._world.resource_of_uid(asked.uid) if asked is not None and asked.uid else None

    def _client_id_taken(self, key: Key, resource: TokenResource) -> bool:
        return isinstance(resource, ClientApplication) and client_ids.is_taken(
            resource, self._world.rivals(key, resource), self._is_granted
        )

    def _is_granted(self, application: ClientApplication) -> bool:
        facts = Facts(
            kind=kinds.CLIENT_APPLICATION.kind,
            resource=application,
            secret=None,
            issuer=self._issuers.view(application.spec.issuer_ref.name),
            now=rfc3339.whole_seconds(self._clock.now()),
            namespace_labels=self._world.namespace_labels.get(application.metadata.namespace, {}),
        )
        return facts.issuer is not None and not facts.not_granted(facts.wanted_rights)

    async def decide(self, facts: Facts) -> tuple[Facts, Plan | None]:
        """Decide, and look closer where what is known is not enough. Raises Overtaken if the resource is gone."""
        if _must_look_first(facts) or (self._by_name and _must_read_by_name(facts)):
            facts = await self.with_reading(facts)
            if facts.secret is None and facts.current is not None:
                facts = await self._with_resource_now(facts)
        plan = decide(facts)
        if plan is not None and plan.read_secret:
            facts = await self.with_reading(facts)
            plan = decide(facts)
        return facts, plan

    async def with_reading(self, facts: Facts) -> Facts:
        """Add the content of the Secret, and take in how it is now."""
        name = ownership.secret_name(facts.resource)
        namespace = facts.resource.metadata.namespace
        reading = await self._secrets.read(namespace, name)
        key = Key(SECRET, namespace, name)
        if reading is None:
            self._world.secrets.drop(key)
            return replace(facts, secret=None, reading=None)
        self._world.secrets.read(key, reading.view)
        facts = replace(facts, secret=reading.view, reading=reading)
        return replace(
            facts, reading=replace(reading, signature_holds=self._signed(facts, reading))
        )

    async def _with_resource_now(self, facts: Facts) -> Facts:
        """Read the resource anew: where a Secret goes first, its resource may be on its way out already (I8)."""
        meta = facts.resource.metadata
        resource = await self.fresh(Key(facts.kind, meta.namespace, meta.name))
        if resource is None or resource.metadata.uid != facts.uid:
            raise Overtaken("the resource is gone")
        return replace(facts, resource=resource)

    async def fresh(self, key: Key) -> TokenResource | None:
        """Read a resource anew after a conflict, and take it in; None: it is gone."""
        try:
            raw = await self._client.get(resource_path(key))
        except NotFound:
            self._world.forget(key)
            return None
        resource = slim(decoding.decode(_KINDS[key.kind], raw))
        self._world.read(key, resource)
        return resource

    async def is_readable(self, key: Key) -> bool:
        """Whether a resource stands on the API server and can be read; what is known of it stays as it is."""
        try:
            decoding.decode(_KINDS[key.kind], await self._client.get(resource_path(key)))
        except (NotFound, decoding.MalformedResource):
            return False
        return True

    def _signed(self, facts: Facts, reading: Reading) -> bool:
        """Whether the current token, if it is a JWT, carries a signature of its issuer."""
        current = facts.current
        key = facts.held_key(current) if current is not None else None
        if current is None or key is None or not current.key_id:
            return True
        keys = self._issuers.public_keys(facts.resource.spec.issuer_ref.name)
        return signature_holds(reading.data[key].decode("ascii"), keys)


def _must_look_first(facts: Facts) -> bool:
    """Whether to read the Secret before anything is decided.

    The watch shows only Secrets with our label. A Secret of somebody else is known from an earlier look and may
    have changed since; one that seems gone may only have lost its label. Nothing is minted before that is clear
    (I9). A new resource goes without: creating its Secret fails where there is one. But what the status tells of a
    conflict is known after a restart, too, and costs no attempt to write.
    """
    if facts.resource.spec.delivery == Delivery.CALLER or facts.reading is not None:
        return False
    if facts.is_going:
        return False
    if facts.secret is None:
        return facts.current is not None or _was_in_conflict(facts)
    return not facts.secret.is_marked


def _must_read_by_name(facts: Facts) -> bool:
    """Whether to read the Secret first where no watch shows any, but for a new resource, as above.

    One that was never looked at may have been left behind by a process that died; one that was somebody else's may have
    gone since.
    """
    if facts.resource.spec.delivery == Delivery.CALLER or facts.reading is not None:
        return False
    in_the_way = facts.claim in {Claim.LEAVING, Claim.FOREIGN}
    lost = facts.secret is None and facts.status.revision > 0
    return facts.content_suspect or in_the_way or lost


def _was_in_conflict(facts: Facts) -> bool:
    ready = find(facts.status.conditions, ConditionType.READY)
    return ready is not None and ready.reason == Reason.SECRET_CONFLICT
