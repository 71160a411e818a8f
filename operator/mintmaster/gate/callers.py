"""Who calls, and what they may ask: a token of ours, or an identity of the cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from mintmaster.api import kinds
from mintmaster.gate import unverified
from mintmaster.gate.bearer import bearer_token, insufficient_scope, invalid_token
from mintmaster.gate.client_secrets import is_basic, shown
from mintmaster.gate.kubernetes_identity import Action, asking
from mintmaster.gate.messages import too_many_failures
from mintmaster.gate.verification import Active
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest

if TYPE_CHECKING:
    from mintmaster.api.rights import Rights
    from mintmaster.gate.clients import Clients
    from mintmaster.gate.forms import Parameters
    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.gate.kubernetes_identity import Identity, KubernetesIdentities
    from mintmaster.gate.messages import IssuerRequest, Refused
    from mintmaster.gate.remembering import Allowance
    from mintmaster.gate.verification import Verification

INTROSPECT = "introspect"
"""Scope of a token, and verb of an identity of the cluster, to ask about tokens of an audience."""

REVOKE = "revoke"
"""Scope of a token to revoke tokens of an audience."""

ADMINISTRATOR = "Administrator"
"""Role that, on a UserAccessToken in the operator's namespace, makes an administrator's token."""

_PLURALS = {kind.kind: kind.plural for kind in kinds.TOKEN_KINDS}

_USER = kinds.USER_ACCESS_TOKEN.kind

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


class Holder(NamedTuple):
    """A caller with rights of ours: one who shows a token, or an application that shows its secret."""

    uid: str
    """Of the resource that the rights are recorded in."""
    rights: Rights
    is_administrator: bool = False

    def demand(self, scope: str) -> None:
        """Refused with `insufficient_scope` without the scope."""
        if not self._has(scope):
            raise insufficient_scope(scope)

    async def may_introspect(self, token: Active) -> bool:
        """Whether the token is for an audience of the caller's own."""
        return self._has(INTROSPECT) and self._shares_audience(token)

    async def may_revoke(self, token: Active) -> bool:
        """Whether it is a token of the caller's own resource, or one that the scope `revoke` reaches."""
        return token.resource.uid == self.uid or (
            self._has(REVOKE) and self._shares_audience(token)
        )

    def _has(self, scope: str) -> bool:
        return self.is_administrator or scope in self.rights.scopes

    def _shares_audience(self, token: Active) -> bool:
        own = self.rights.audiences
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
        with asking():
            return await self.identities.may(self.identity, action)


@dataclass(frozen=True, slots=True)
class Callers:
    """Authenticates callers."""

    knowledge: Knowledge
    verification: Verification
    clients: Clients
    identities: KubernetesIdentities
    namespace: str
    """The operator's, where administrators' tokens live."""
    failures: Allowance

    async def authenticate(self, request: IssuerRequest, form: Parameters) -> Caller:
        """Find out who calls. Refused as RFC 6749 and 6750 say, or with 503 where the API server does not answer."""
        if is_client(request, form):
            return self._client(request, form)
        credential = bearer_token(request)
        verdict = await self.verification.verify(request.issuer, credential)
        if isinstance(verdict, Active):
            return self._holder(verdict)
        peeked = unverified.claims(credential)
        issuer = self._issuer_of(credential, peeked)
        if issuer is not None and issuer.name != request.issuer.name:
            return await self._from_elsewhere(issuer, credential)
        if issuer is not None or is_opaque_of_ours(credential):
            raise self._failed()
        meant = unverified.names_audience(peeked, request.issuer.url)
        return await self._cluster_user(credential, request.issuer.url if meant else None)

    def _client(self, request: IssuerRequest, form: Parameters) -> Holder:
        """An application, of whichever issuer: those that mint for applications issue no other tokens."""
        credentials = shown(request, form)
        assert credentials is not None  # noqa: S101 - is_client saw that they are shown
        client = self.clients.of_any_issuer(credentials)
        return Holder(client.resource.uid, client.record.rights)

    def _holder(self, token: Active) -> Holder:
        return Holder(token.resource.uid, token.record.rights, self.is_administrator(token))

    def _issuer_of(self, credential: str, peeked: dict[str, object]) -> KnownIssuer | None:
        """The issuer that minted it, by what it says or by who claims its digest; none if it is not ours."""
        if peeked:
            return self.knowledge.issuer_of_url(str(peeked.get("iss")))
        resource = self.knowledge.claimant(digest(credential))
        return self.knowledge.issuers.get(resource.issuer) if resource is not None else None

    async def _from_elsewhere(self, issuer: KnownIssuer, credential: str) -> Holder:
        """An administrator or an application: they may ask about tokens of all issuers, others of their own only."""
        verdict = await self.verification.verify(issuer, credential)
        if not isinstance(verdict, Active):
            raise self._failed()
        if verdict.resource.application is None and not self.is_administrator(verdict):
            raise self._failed()
        return self._holder(verdict)

    def is_administrator(self, token: Active) -> bool:
        """Whether it is an administrator's token."""
        resource = token.resource
        at_home = resource.namespace == self.namespace and resource.kind == _USER
        return at_home and ADMINISTRATOR in token.record.rights.roles

    async def _cluster_user(self, credential: str, audience: str | None) -> ClusterUser:
        if self.failures.spent and not self.identities.is_known(credential, audience):
            raise too_many_failures()
        with asking():
            identity = await self.identities.whose(credential, audience)
        if identity is None:
            raise self._failed()
        return ClusterUser(identity, self.identities)

    def _failed(self) -> Refused:
        self.failures.take()
        return invalid_token()


def is_client(request: IssuerRequest, form: Parameters) -> bool:
    """Whether the caller authenticates as a client of OAuth, rather than by a bearer token."""
    values = request.values(b"authorization")
    if values:
        return is_basic(values[0])
    return form.get("client_secret") is not None


def is_opaque_of_ours(credential: str) -> bool:
    """Whether its form says that we made it: then it is no longer ours, and the API server need not see it."""
    prefix = credential[:-_OWN_CHARACTERS]
    try:
        return opaque.checks_out(credential, prefix)
    except ValueError:
        return False
