"""Whose applications an issuer's Run:ai API is about, and who of them asks for a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mintmaster.api.client_application import ApplicationIssuerRef
from mintmaster.api.token_issuer import CompatibleApi
from mintmaster.gate.client_secrets import Shown
from mintmaster.gate.compat.requesters import Rejection
from mintmaster.gate.minting import Order

if TYPE_CHECKING:
    from mintmaster.api.rights import Rights
    from mintmaster.gate.clients import Client
    from mintmaster.gate.compat.foundation import Foundation
    from mintmaster.gate.compat.requesters import Requester
    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.minting import Minted

_APPLICATIONS = ApplicationIssuerRef().name


@dataclass(frozen=True, slots=True)
class Homes:
    """Finds issuers, applications, and those who show tokens of either."""

    foundation: Foundation

    def home(self, issuer: KnownIssuer) -> KnownIssuer | None:
        """The gate-signed issuer whose applications are meant.

        An issuer that the operator signs for has none of its own (I15); at its paths those of `applications` answer,
        so that clients which know nothing of issuers find them at the root.
        """
        found = issuer
        if not issuer.is_gate_signed:
            found = self.foundation.knowledge.issuers.get(_APPLICATIONS, issuer)
        is_on = CompatibleApi.RUN_AI in found.view.spec.compatible_apis
        return found if found.is_gate_signed and is_on else None

    def client(self, home: KnownIssuer, client_id: str, client_secret: str) -> Client:
        """The application that shows its secret, named by its client id or, in the API namespace, by its name.

        Refused as RFC 6749, section 5.2 says.
        """
        named = client_id
        if self.foundation.knowledge.application(home.name, client_id) is None:
            named = f"{home.view.spec.api_namespace}.{client_id}"
        return self.foundation.clients.of_issuer(home, Shown(named, client_secret))

    def minted(self, home: KnownIssuer, client: Client, rights: Rights | None = None) -> Minted:
        """An access token of the application, with all of its rights unless fewer are named."""
        application = client.resource.application
        assert application is not None  # noqa: S101 - it is what has client secrets
        return self.foundation.minting.mint(
            Order(
                home,
                client.resource,
                client.record,
                rights or client.record.rights,
                application.token_lifetime,
            )
        )

    async def requester(
        self, issuer: KnownIssuer, home: KnownIssuer, credential: str
    ) -> Requester | Rejection:
        """The bearer of a token of the home; an administrator's token of the issuer asked is good, too."""
        found = await self.foundation.requesters.of(home, credential)
        if isinstance(found, Rejection) and home is not issuer:
            other = await self.foundation.requesters.of(issuer, credential)
            # Scopes of two issuers may share a name and mean two things: only administrators stand above that.
            if not isinstance(other, Rejection) and other.is_administrator:
                return other
        return found
