"""Who calls, and what they may ask: a token of ours, or an identity of the cluster."""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from mintmaster.api import kinds
from mintmaster.gate.bearer import bearer_token, insufficient_scope, invalid_token
from mintmaster.gate.kubernetes_identity import Action
from mintmaster.gate.messages import come_back, oauth_error
from mintmaster.gate.remembering import Allowance, Overloaded
from mintmaster.gate.verification import Active
from mintmaster.kube.errors import KubeError
from mintmaster.tokens import base64url, opaque, strict_json
from mintmaster.tokens.digests import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.gate.kubernetes_identity import Identity, KubernetesIdentities
    from mintmaster.gate.messages import IssuerRequest, Refused
    from mintmaster.gate.settings import Settings
    from mintmaster.gate.verification import Verification

log = logging.getLogger(__name__)

INTROSPECT = "introspect"
"""Scope of a token, and verb of an identity of the cluster, to ask about tokens of an audience."""

REVOKE = "revoke"
"""Scope of a token to revoke tokens of an audience."""

ADMINISTRATOR = "Administrator"
"""Role that, on a UserAccessToken in the operator's namespace, makes an administrator's token."""

_PLURALS = {kind.kind: kind.plural for kind in kinds.TOKEN_KINDS}

_USER = kinds.USER_ACCESS_TOKEN.kind
_PARTS_OF_A_JWS = 3

_OWN_CHARACTERS = 49
"""Random part and check characters of an opaque token of ours, after its prefix."""


class Caller(Protocol):
    """Somebody who has been authenticated."""

    def demand(self, scope: str) -> None:
        """Refused where it is plain that they may not do such things at all."""
        ...

    async def may_introspect(self, token: Active) -> bool:
        """Whether they may know about this token."""
        ...

    async def may_revoke(self, token: Active) -> bool:
        """Whether they may revoke this token."""
        ...


class TokenHolder(NamedTuple):
    """A caller who shows a token of ours."""

    token: Active
    is_administrator: bool

    def demand(self, scope: str) -> None:
        """Refused with `insufficient_scope` without the scope."""
        if not self._has(scope):
            raise insufficient_scope(scope)

    async def may_introspect(self, token: Active) -> bool:
        """Whether the token is for an audience of the caller's own."""
        return self._has(INTROSPECT) and self._shares_audience(token)

    async def may_revoke(self, token: Active) -> bool:
        """Whether it is a token of the caller's own resource, or one that the scope `revoke` reaches."""
        same = token.resource.uid == self.token.resource.uid
        return same or (self._has(REVOKE) and self._shares_audience(token))

    def _has(self, scope: str) -> bool:
        return self.is_administrator or scope in self.token.record.rights.scopes

    def _shares_audience(self, token: Active) -> bool:
        own = self.token.record.rights.audiences
        return self.is_administrator or not set(own).isdisjoint(token.record.rights.audiences)


@dataclass(frozen=True, slots=True)
class ClusterUser:
    """A caller whom Kubernetes knows."""

    identity: Identity
    identities: KubernetesIdentities

    def demand(self, scope: str) -> None:
        """What they may do depends on the audience or the resource; nothing is plain beforehand."""

    async def may_introspect(self, token: Active) -> bool:
        """Whether they have the verb `introspect` on one of the token's audiences."""
        for audience in token.record.rights.audiences:
            if await self._may(Action(verb=INTROSPECT, resource="audiences", name=audience)):
                return True
        return False

    async def may_revoke(self, token: Active) -> bool:
        """Whether they may patch the resource, which is how they could set `spec.revoked` themselves."""
        resource = token.resource
        return await self._may(
            Action(
                verb="patch",
                resource=_PLURALS[resource.kind],
                name=resource.name,
                namespace=resource.namespace,
            )
        )

    async def _may(self, action: Action) -> bool:
        with _asking():
            return await self.identities.may(self.identity, action)


class Callers:
    """Authenticates callers."""

    def __init__(
        self,
        knowledge: Knowledge,
        verification: Verification,
        identities: KubernetesIdentities,
        settings: Settings,
        monotonic: Callable[[], float],
    ) -> None:
        self._knowledge = knowledge
        self._verification = verification
        self._identities = identities
        self._namespace = settings.namespace
        self._failures = Allowance(settings.callers.failures_per_second, monotonic)

    async def authenticate(self, request: IssuerRequest) -> Caller:
        """Find out who calls. Refused as RFC 6750 says, or with 503 where the API server does not answer."""
        credential = bearer_token(request)
        verdict = await self._verification.verify(request.issuer, credential)
        if isinstance(verdict, Active):
            return TokenHolder(verdict, self._is_administrator(verdict))
        peeked = _unverified_claims(credential)
        issuer = self._issuer_of(credential, peeked)
        if issuer is not None and issuer.name != request.issuer.name:
            return await self._administrator(issuer, credential)
        if issuer is not None or _is_opaque_of_ours(credential):
            raise self._failed()
        audience = request.issuer.url if _names(peeked.get("aud"), request.issuer.url) else None
        return await self._cluster_user(credential, audience)

    def _issuer_of(self, credential: str, peeked: dict[str, object]) -> KnownIssuer | None:
        """The issuer that minted it, by what it says or by who claims its digest; none if it is not ours."""
        if peeked:
            return self._knowledge.issuer_of_url(str(peeked.get("iss")))
        resource = self._knowledge.claimant(digest(credential))
        return self._knowledge.issuers.get(resource.issuer) if resource is not None else None

    async def _administrator(self, issuer: KnownIssuer, credential: str) -> TokenHolder:
        """An administrator, who may ask about the tokens of all issuers; others only about those of their own."""
        verdict = await self._verification.verify(issuer, credential)
        if not isinstance(verdict, Active) or not self._is_administrator(verdict):
            raise self._failed()
        return TokenHolder(verdict, is_administrator=True)

    def _is_administrator(self, token: Active) -> bool:
        resource = token.resource
        at_home = resource.namespace == self._namespace and resource.kind == _USER
        return at_home and ADMINISTRATOR in token.record.rights.roles

    async def _cluster_user(self, credential: str, audience: str | None) -> ClusterUser:
        if self._failures.spent and not self._identities.is_known(credential, audience):
            retry = (b"retry-after", b"1")
            raise oauth_error(429, "temporarily_unavailable", "too many failures", retry)
        with _asking():
            identity = await self._identities.whose(credential, audience)
        if identity is None:
            raise self._failed()
        return ClusterUser(identity, self._identities)

    def _failed(self) -> Refused:
        self._failures.take()
        return invalid_token()


@contextmanager
def _asking() -> Iterator[None]:
    """Answer 503 where Kubernetes gives no answer: that we do not know is not the caller's fault."""
    try:
        yield
    except Overloaded:
        raise come_back("too many callers at a time", seconds=1) from None
    except KubeError as error:
        log.warning("callers cannot be authorized: %s", error)
        raise come_back("callers cannot be authorized now") from None


def _unverified_claims(credential: str) -> dict[str, object]:
    """What a JWT says of itself, to know whom to ask about it; empty for anything else."""
    parts = credential.split(".")
    if len(parts) != _PARTS_OF_A_JWS:
        return {}
    with suppress(ValueError):
        return strict_json.parse_object(base64url.decode(parts[1].encode()))
    return {}


def _names(audience: object, url: str) -> bool:
    return audience == url or (isinstance(audience, list) and url in audience)


def _is_opaque_of_ours(credential: str) -> bool:
    """Whether its form says that we made it: then it is no longer ours, and the API server need not see it."""
    prefix = credential[:-_OWN_CHARACTERS]
    try:
        return opaque.checks_out(credential, prefix)
    except ValueError:
        return False
