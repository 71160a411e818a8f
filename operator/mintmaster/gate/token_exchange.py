"""The grant of RFC 8693: a service account obtains a short-lived token with the rights of a resource that lets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mintmaster.api import durations
from mintmaster.gate.client_secrets import shown
from mintmaster.gate.messages import oauth_error
from mintmaster.gate.minting import Order, response
from mintmaster.gate.narrowing import narrowed
from mintmaster.lifecycle.activity import Inactivity
from mintmaster.lifecycle.gate_minted import actor

if TYPE_CHECKING:
    from mintmaster.gate.bases import Bases
    from mintmaster.gate.clients import Clients
    from mintmaster.gate.forms import Parameters
    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.gate.messages import Answer, IssuerRequest
    from mintmaster.gate.minting import Minting
    from mintmaster.gate.service_accounts import ServiceAccount, ServiceAccounts
    from mintmaster.kube.clock import Clock
    from mintmaster.lifecycle.known import KnownResource, KnownToken

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type
JWT = "urn:ietf:params:oauth:token-type:jwt"

NAMED = "urn:mintmaster:"
"""Before `<kind>:<namespace>:<name>`: how the parameter `resource` names the resource whose rights are wanted."""

LIFETIME = 3600.0
"""Seconds that an exchanged token lives at most: what obtained it can obtain the next one."""


@dataclass(frozen=True, slots=True)
class TokenExchange:
    """Serves the grant."""

    knowledge: Knowledge
    bases: Bases
    clients: Clients
    service_accounts: ServiceAccounts
    minting: Minting
    clock: Clock

    async def __call__(self, request: IssuerRequest, form: Parameters) -> Answer:
        """Mint a token with the recorded rights of a resource, or with those of them that are asked for.

        The service account's token is all that is needed. It lives no longer than that one, nor than the
        resource's own token.
        """
        _check_types(form)
        credentials = shown(request, form)
        if credentials is not None:
            self.clients.of_issuer(request.issuer, credentials)
        account = await self.service_accounts.of_token(
            form.required("subject_token"), request.issuer
        )
        named = tuple(it for it in form.targets if it.startswith(NAMED))
        resource = self._resource(account, request.issuer, named)
        record = self._record(resource, request.issuer)
        targets = tuple(it for it in form.targets if it not in named)
        rights = narrowed(record.rights, request.issuer.view, form.get("scope"), targets)
        order = Order(
            issuer=request.issuer,
            resource=resource,
            basis=record,
            rights=rights,
            lifetime=self._lifetime(account, request.issuer),
            actor=actor(account.namespace, account.name),
        )
        return response(self.minting.mint(order), rights, ACCESS_TOKEN)

    def _resource(
        self, account: ServiceAccount, issuer: KnownIssuer, named: tuple[str, ...]
    ) -> KnownResource:
        """The resource that is named, or the only one that lets the service account have its rights."""
        listing = self.knowledge.delegates(issuer.name, account.namespace, account.name)
        found = [it for it in listing if not (it.deleted or it.revoked)]
        if named:
            found = [it for it in found if named == (name_of(it),)]
        if len(found) > 1:
            raise oauth_error(400, "invalid_target", "several resources allow it: name one")
        if not found:
            raise oauth_error(
                400, "invalid_target", "no such resource lets the service account have its rights"
            )
        return found[0]

    def _record(self, resource: KnownResource, issuer: KnownIssuer) -> KnownToken:
        found = self.bases.of(resource, issuer)
        if found is Inactivity.NOT_GRANTED:
            raise oauth_error(400, "invalid_target", "the issuer does not grant the rights")
        if isinstance(found, Inactivity) or self.clock.now().timestamp() >= found.ends_at:
            raise oauth_error(400, "invalid_target", "the resource has no active token")
        return found

    def _lifetime(self, account: ServiceAccount, issuer: KnownIssuer) -> float:
        default = durations.parse(issuer.view.spec.limits.default_lifetime).total_seconds()
        return min(LIFETIME, default, account.ends_at - self.clock.now().timestamp())


def name_of(resource: KnownResource) -> str:
    """How the parameter `resource` names it: `urn:mintmaster:<kind in lower case>:<namespace>:<name>`."""
    return f"{NAMED}{resource.kind.lower()}:{resource.namespace}:{resource.name}"


def _check_types(form: Parameters) -> None:
    """Only a service account's JWT is exchanged, for an access token and for nobody else (RFC 8693, section 2.1)."""
    if form.required("subject_token_type") not in {ACCESS_TOKEN, JWT}:
        raise oauth_error(400, "invalid_request", "the type of the subject token is not supported")
    if form.get("requested_token_type") not in {None, ACCESS_TOKEN}:
        raise oauth_error(400, "invalid_request", "only access tokens can be requested")
    if form.get("actor_token") is not None or form.get("actor_token_type") is not None:
        raise oauth_error(400, "invalid_request", "actor tokens are not supported")
