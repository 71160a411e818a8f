"""Those who verify tokens of one issuer, each in another way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import jwt

from gate.mint import SERVICES

if TYPE_CHECKING:
    from gate.load.ledger import Look
    from gate.mint import Credentials, Mint

ALGORITHMS = ["ES256", "EdDSA"]


@dataclass
class Verifiers:
    """The three ways: asking the gate, having Kubernetes ask it, and by the published keys alone."""

    mint: Mint
    auth: Credentials = field(repr=False)

    @property
    def looks(self) -> dict[str, Look]:
        return {
            "introspection": self.introspection,
            "review": self.review,
            "offline": self.offline,
        }

    async def introspection(self, token: str) -> bool:
        status, said = await self.mint.ask("/oauth2/introspect", self.auth, token=token)
        assert status == 200, said
        return bool(said["active"])

    async def review(self, token: str) -> bool:
        return await self.mint.is_active(token)

    async def offline(self, token: str) -> bool:
        """By PyJWT, with the keys as they are published now."""
        return await asyncio.to_thread(self._verifies, token)

    def _verifies(self, token: str) -> bool:
        gate = self.mint.gate
        client = jwt.PyJWKClient(gate.url + gate.path("/jwks"), cache_jwk_set=False)
        try:
            key = client.get_signing_key_from_jwt(token)
            jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=SERVICES,
                issuer=f"https://{gate.issuer}.example.org",
                # The test's clock is ahead of the library's.
                options={"verify_iat": False},
            )
        except jwt.PyJWKClientConnectionError:
            raise
        except (jwt.PyJWKClientError, jwt.PyJWKSetError, jwt.InvalidTokenError):
            return False
        return True
