"""A library that is not ours obtains, introspects, exchanges and revokes tokens, knowing nothing but the standards."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.discovery import OpenIDProviderMetadata
from joserfc import jwt
from joserfc.jwk import KeySet

from gate.mint import SERVICES
from gate.minting_bench import EXCHANGE
from gate.test_exchange_on_a_cluster import account, lender  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.mint import Mint

JWT = "urn:ietf:params:oauth:token-type:jwt"


class Client:
    """Authlib's client for requests, as an application uses it that has read the issuer's metadata."""

    def __init__(self, mint: Mint, metadata: dict[str, Any], client_id: str, secret: str) -> None:
        self._issuer: str = metadata["issuer"]
        self._here = mint.gate.url + mint.gate.path("")
        self._metadata = metadata
        self._session = OAuth2Session(client_id, secret)
        self._session.trust_env = False

    def _url(self, endpoint: str) -> str:
        """Where the endpoint is that the metadata names: the gate of the test stands in for the issuer's host."""
        url: str = self._metadata[endpoint]
        return url.replace(self._issuer, self._here)

    async def keys(self) -> KeySet:
        return KeySet.import_key_set(await self._json(self._url("jwks_uri")))

    async def token(self, grant_type: str = "client_credentials", **form: str) -> dict[str, Any]:
        url = self._url("token_endpoint")
        asked = {"grant_type": grant_type, **form}
        answer: dict[str, Any] = await self._do(self._session.fetch_token, url, **asked)
        return answer

    async def introspect(self, token: str) -> dict[str, Any]:
        url = self._url("introspection_endpoint")
        answer = await self._do(self._session.introspect_token, url, token=token)
        said: dict[str, Any] = answer.json()
        return said

    async def revoke(self, token: str) -> int:
        url = self._url("revocation_endpoint")
        answer = await self._do(self._session.revoke_token, url, token=token)
        return int(answer.status_code)

    async def _json(self, url: str) -> Any:
        return (await self._do(self._session.get, url, withhold_token=True)).json()

    async def _do(self, call: Callable[..., Any], *arguments: str, **named: Any) -> Any:
        return await asyncio.to_thread(call, *arguments, **named)


async def described(mint: Mint, document: str) -> dict[str, Any]:
    found: dict[str, Any] = (await mint.gate.ask("GET", mint.gate.path(document))).json
    return found


@pytest.fixture
async def client(mint: Mint) -> Client:
    auth = await mint.client()
    metadata = await described(mint, "/.well-known/oauth-authorization-server")
    return Client(mint, metadata, auth.client_id, auth.client_secret)


@pytest.mark.parametrize(
    ("document", "reading"),
    [
        ("/.well-known/oauth-authorization-server", AuthorizationServerMetadata),
        ("/.well-known/openid-configuration", OpenIDProviderMetadata),
    ],
)
async def test_the_metadata_are_as_a_foreign_library_wants_them(
    mint: Mint, document: str, reading: type[AuthorizationServerMetadata]
) -> None:
    metadata = reading(await described(mint, document))
    metadata.validate()
    assert metadata.issuer == f"https://{mint.gate.issuer}.example.org"


async def test_an_application_obtains_introspects_and_revokes_a_token(client: Client) -> None:
    answer = await client.token(scope="api")
    claims = jwt.decode(answer["access_token"], await client.keys(), algorithms=["ES256"]).claims
    assert (claims["scope"], claims["aud"]) == ("api", [SERVICES])
    described = await client.introspect(answer["access_token"])
    assert (described["active"], described["jti"]) == (True, claims["jti"])
    assert await client.revoke(answer["access_token"]) == 200
    assert await client.introspect(answer["access_token"]) == {"active": False}


async def test_a_service_accounts_token_is_exchanged(
    mint: Mint,
    client: Client,
    lender: str,  # noqa: F811 - a fixture
) -> None:
    shown = await account(mint, "builder")
    await mint.cluster.until(lambda: mint.exchange(shown), lambda it: it.status == 200)
    answer = await client.token(EXCHANGE, subject_token=shown, subject_token_type=JWT)
    assert answer["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    described = await client.introspect(answer["access_token"])
    assert (described["active"], described["scope"]) == (True, "read_api")
    assert described["act"] == {"sub": f"serviceaccount:{mint.cluster.namespace}:builder"}
