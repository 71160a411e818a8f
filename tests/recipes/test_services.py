"""The examples of services, run as their files say, with tokens of a real operator and the answers of a real gate."""

from __future__ import annotations

import asyncio
import ssl
import sys
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
import pytest

from manifests.installation import ROOT
from mintmaster.localcluster import ports
from mintmaster.verify import (
    BearerToken,
    Cause,
    ClientSecret,
    Introspection,
    InvalidTokenCode,
    TokenNotAccepted,
    Verifier,
)
from recipes.conftest import SERVICES
from recipes.serving import ask, serving, until_status
from recipes.third_party import BUILD_SECONDS, built_by_go

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from recipes.conftest import Site

EXAMPLES = ROOT / "examples" / "verify"


@asynccontextmanager
async def uvicorn(
    app: str, folder: Path, log: Path, environment: Mapping[str, str]
) -> AsyncIterator[str]:
    (port,) = ports.free(1)
    command = [sys.executable, "-m", "uvicorn", "--factory", f"--app-dir={folder}", app]
    command += [f"--port={port}", "--no-access-log"]
    async with serving(command, port, log, environment) as url:
        yield url


async def test_the_library_verifies_offline_and_by_introspection(issuing_site: Site) -> None:
    site = issuing_site
    token = await site.user_token(scopes=["read_api"], projects=["3"])
    opaque = await site.user_token("opaque", token={"format": "Opaque"})
    asking = Introspection(credential=BearerToken.from_file(await site.credential()))
    offline = Verifier(site.issuer_url, audience=SERVICES, authority=site.authority)
    online = Verifier(
        site.issuer_url, audience=SERVICES, authority=site.authority, introspection=asking
    )
    async with offline, online:
        said, asked = await offline.verify(token), await online.verify(token)
        assert said.subject == asked.subject == "user:ada@team.example"
        assert said.scopes == asked.scopes == {"read_api"}
        assert said.projects == asked.projects == {"3"}
        assert (said.id, said.resource) == (asked.id, asked.resource)
        assert (await online.verify(opaque)).subject == "user:opaque@team.example"
    await site.revoke()
    await site.revoke("opaque")
    async with offline, online:
        await offline.verify(token)  # which is what docs/verify.md warns of
        for revoked in (token, opaque):
            await site.cluster.until(partial(cause, online, revoked), bool)


async def cause(verifier: Verifier, token: str) -> str:
    """Why a token is not accepted; empty if it is."""
    try:
        await verifier.verify(token)
    except TokenNotAccepted as refused:
        return refused.cause
    return ""


async def test_the_library_refuses_a_token_for_another_service(issuing_site: Site) -> None:
    site = issuing_site
    elsewhere = {"audiences": ["https://elsewhere.example.org"]}
    token = await site.user_token(token=elsewhere)
    opaque = await site.user_token("opaque", token=elsewhere | {"format": "Opaque"})
    asking = Introspection(credential=BearerToken.from_file(await site.credential()))
    async with Verifier(
        site.issuer_url, audience=SERVICES, authority=site.authority, introspection=asking
    ) as verifier:
        assert await cause(verifier, token) == InvalidTokenCode.AUDIENCE
        assert await cause(verifier, opaque) == Cause.INACTIVE


async def test_a_client_introspects_what_its_issuer_minted(site: Site) -> None:
    cluster, folder = site.cluster, site.folder
    await cluster.ready_issuer(
        url=site.issuer_url,
        signer="Gate",
        audiences=[SERVICES],
        limits={"defaultLifetime": "1h", "maxLifetime": "1h"},
        scopes=[{"name": scope} for scope in ("api", "introspect")],
        roles=[],
    )
    await cluster.ready_application("caller", scopes=["api"])
    await cluster.ready_application("service", scopes=["introspect"])
    await site.sign_at_the_gate()
    for key, value in (await cluster.secret_data("service-token")).items():
        (folder / key).write_text(value)
    asking = Introspection(
        credential=ClientSecret.from_files(folder / "client-id", folder / "client-secret")
    )
    token = await access_token(site, "caller")
    async with Verifier(
        site.issuer_url, audience=SERVICES, authority=site.authority, introspection=asking
    ) as verifier:
        found = await verifier.verify(token)
        assert found.subject == f"app:{cluster.namespace}.caller"
        assert found.scopes == {"api"}
        await cluster.edit_application("caller", enabled=False)
        await cluster.until(partial(cause, verifier, token), bool)


async def access_token(site: Site, name: str) -> str:
    """What an application gets for its id and secret, as soon as the gate has read its key."""
    secret = await site.cluster.secret_data(f"{name}-token")
    auth = aiohttp.encode_basic_auth(secret["client-id"], secret["client-secret"])
    answer = await site.cluster.until(
        partial(grant, site, auth), lambda answer: "access_token" in answer
    )
    token: str = answer["access_token"]
    return token


async def grant(site: Site, authorization: str) -> dict[str, str]:
    """Ask for an access token (RFC 6749, section 4.4)."""
    async with aiohttp.request(
        "POST",
        f"{site.issuer_url}/oauth2/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": authorization},
        ssl=ssl.create_default_context(cafile=site.authority),
    ) as response:
        answer: dict[str, str] = await response.json()
        return answer


async def test_the_service_on_starlette(issuing_site: Site) -> None:
    site = issuing_site
    token = await site.user_token(scopes=["api", "read_api"], projects=["3"])
    reader = await site.user_token("reader", scopes=["read_api"], projects=["*"])
    environment = site.environment() | {"CREDENTIAL": str(await site.credential())}
    log = site.folder / "service.log"
    async with uvicorn("service:create", EXAMPLES / "starlette", log, environment) as url:
        assert (await ask(f"{url}/healthz")).status == 200
        assert (await ask(f"{url}/whoami")).challenge == 'Bearer realm="mintmaster"'
        assert (await ask(f"{url}/whoami", token)).json == {
            "subject": "user:ada@team.example",
            "scopes": ["api", "read_api"],
        }
        assert (await ask(f"{url}/jobs/3", token, "POST")).status == 201
        assert (await ask(f"{url}/jobs/4", token, "POST")).status == 403
        lacking = await ask(f"{url}/jobs/3", reader, "POST")
        assert lacking.challenge.endswith('error="insufficient_scope", scope="api"')
        await site.revoke()
        refused = await until_status(f"{url}/whoami", token, 401)
        assert refused.challenge.endswith('error="invalid_token"')
        assert (await ask(f"{url}/whoami", reader)).status == 200
    assert token not in log.read_text()


@pytest.mark.timeout(BUILD_SECONDS + 300)
async def test_the_service_in_go(issuing_site: Site) -> None:
    site = issuing_site
    token = await site.user_token(scopes=["read_api"], roles=["Researcher"])
    elsewhere = {"audiences": ["https://elsewhere.example.org"]}
    misaddressed = await site.user_token("elsewhere", scopes=["read_api"], token=elsewhere)
    lacking = await site.user_token("lacking", scopes=["api"])
    program = await asyncio.to_thread(built_by_go, EXAMPLES / "go")
    (port,) = ports.free(1)
    command = [str(program), "-issuer", site.issuer_url, "-audience", SERVICES]
    command += ["-listen", f"127.0.0.1:{port}"]
    trust = {"SSL_CERT_FILE": str(site.authority)}
    async with serving(command, port, site.folder / "go.log", trust) as url:
        found = await ask(f"{url}/whoami", token)
        assert found.json == {"subject": "user:ada@team.example", "roles": ["Researcher"]}
        assert (await ask(f"{url}/whoami")).challenge == 'Bearer realm="service"'
        for bad in (misaddressed, token[:-8] + "AAAAAAAA", "opaque", "a.b.c"):
            refused = await ask(f"{url}/whoami", bad)
            assert (refused.status, refused.challenge[-15:]) == (401, '"invalid_token"')
        assert (await ask(f"{url}/whoami", lacking)).status == 403
