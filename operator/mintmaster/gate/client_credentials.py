"""The grant `client_credentials` (RFC 6749, section 4.4): an application obtains a token for itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mintmaster.gate.client_secrets import invalid_client, shown
from mintmaster.gate.minting import Order, response
from mintmaster.gate.narrowing import narrowed

if TYPE_CHECKING:
    from mintmaster.gate.clients import Clients
    from mintmaster.gate.forms import Parameters
    from mintmaster.gate.messages import Answer, IssuerRequest
    from mintmaster.gate.minting import Minting

GRANT_TYPE = "client_credentials"


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """Serves the grant; nothing is asked of the API server, and nothing is written there."""

    clients: Clients
    minting: Minting

    async def __call__(self, request: IssuerRequest, form: Parameters) -> Answer:
        """Mint a token with the application's rights, or with those of them that are asked for."""
        credentials = shown(request, form)
        if credentials is None:
            raise invalid_client()
        client = self.clients.of_issuer(request.issuer, credentials)
        application = client.resource.application
        assert application is not None  # noqa: S101 - it is what has client secrets
        rights = narrowed(
            client.record.rights, request.issuer.view, form.get("scope"), form.targets
        )
        minted = self.minting.mint(
            Order(
                request.issuer, client.resource, client.record, rights, application.token_lifetime
            )
        )
        return response(minted, rights)
