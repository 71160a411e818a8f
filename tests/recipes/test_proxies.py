"""The recipes for proxies, run in the programs that they are for: only names, ports and paths are replaced."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from manifests.installation import ROOT
from mintmaster.localcluster import ports
from recipes.serving import adapted, ask, serving, until_status, upstream
from recipes.test_services import uvicorn
from recipes.third_party import packaged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from recipes.conftest import Site
    from recipes.serving import Upstream

EXAMPLES = ROOT / "examples" / "verify"
SPOOFED = {"X-Token-Subject": "user:root@team.example", "X-Token-Scopes": "everything"}


async def test_envoy_verifies_offline_and_asks_the_authorizer(issuing_site: Site) -> None:
    site = issuing_site
    token = await site.user_token(scopes=["read_api"])
    async with envoy(site) as (url, service):
        await until_status(url, token, 200)  # Envoy listens before it has the keys
        passed = await ask(f"{url}/path?query", token, headers=SPOOFED)
        assert passed.body == b"served"
        assert service.requests[-1]["X-Token-Subject"] == "user:ada@team.example"
        assert service.requests[-1]["X-Token-Scopes"] == "read_api"
        reached = len(service.requests)
        for bad in ("", "opaque", token[:-8] + "AAAAAAAA"):
            assert (await ask(url, bad, headers=SPOOFED)).status == 401
        assert len(service.requests) == reached
        await site.revoke()
        refused = await until_status(url, token, 401)
        assert refused.challenge == 'Bearer realm="mintmaster", error="invalid_token"'


async def test_envoy_lets_nobody_through_while_the_authorizer_is_away(issuing_site: Site) -> None:
    token = await issuing_site.user_token(scopes=["read_api"])
    async with envoy(issuing_site, authorizer=False) as (url, service):
        await until_status(url, token, 503)
        assert not service.requests


@asynccontextmanager
async def envoy(site: Site, *, authorizer: bool = True) -> AsyncIterator[tuple[str, Upstream]]:
    """Envoy with the recipe, a service behind it, and the authorizer beside it."""
    async with AsyncExitStack() as stack:
        log = site.folder / "authorizer.log"
        asked = "http://127.0.0.1:1"
        if authorizer:
            environment = site.environment() | {"CREDENTIAL": str(await site.credential())}
            started = uvicorn("authorizer:create", EXAMPLES / "authorizer", log, environment)
            asked = await stack.enter_async_context(started)
        port, behind = ports.free(2)
        service = await stack.enter_async_context(upstream(behind))
        config = site.folder / "envoy.yaml"
        config.write_text(
            adapted(
                (EXAMPLES / "envoy" / "envoy.yaml").read_text(),
                {
                    "https://tokens.example.org": site.issuer_url,
                    "tokens.example.org, port_value: 443": _socket_address(site.host),
                    "tokens.example.org": "localhost",
                    "/etc/ssl/certs/ca-certificates.crt": str(site.authority),
                    "port_value: 8080": f"port_value: {port}",
                    "port_value: 9000": f"port_value: {behind}",
                    "port_value: 9001": f"port_value: {asked.rpartition(':')[2]}",
                },
            )
        )
        program = await asyncio.to_thread(packaged, "envoy")
        command = [str(program), "--config-path", str(config), "--use-dynamic-base-id"]
        command += ["--concurrency", "1", "--disable-hot-restart"]
        running = serving(command, port, site.folder / "envoy.log")
        yield await stack.enter_async_context(running), service


def _socket_address(host: str) -> str:
    address, _, port = host.partition(":")
    return f"{address}, port_value: {port}"


async def test_nginx_introspects_every_token(issuing_site: Site) -> None:
    site = issuing_site
    token = await site.user_token(scopes=["read_api"])
    opaque = await site.user_token("opaque", token={"format": "Opaque"})
    async with nginx(site) as (url, service):
        for good, subject in ((token, "ada"), (opaque, "opaque")):
            passed = await ask(f"{url}/path?query", good, headers=SPOOFED)
            assert (passed.status, passed.body) == (200, b"served")
            reached = service.requests[-1]
            assert reached["X-Token-Subject"] == f"user%3A{subject}%40team.example"
            assert reached.get("X-Token-Scopes", "") == ("read_api" if good is token else "")
            assert "Authorization" not in reached
        assert (await ask(url)).challenge == 'Bearer realm="service"'
        for bad in ("unknown", token[:-8] + "AAAAAAAA", "a.b.c"):
            refused = await ask(url, bad, headers=SPOOFED)
            assert refused.challenge == 'Bearer realm="service", error="invalid_token"'
            assert refused.status == 401
        assert len(service.requests) == 2
        await site.revoke()
        await until_status(url, token, 401)
        assert (await ask(url, opaque)).status == 200
    assert token not in (site.folder / "nginx.log").read_text()


async def test_nginx_lets_nobody_through_whose_token_it_cannot_ask_about(
    issuing_site: Site,
) -> None:
    site = issuing_site
    token = await site.user_token(scopes=["read_api"])
    async with nginx(site) as (url, service):
        (site.folder / "credential").write_text("of-somebody-else")
        answer = await ask(url, token)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert not service.requests


@asynccontextmanager
async def nginx(site: Site) -> AsyncIterator[tuple[str, Upstream]]:
    """nginx with the recipe, and a service behind it."""
    port, behind = ports.free(2)
    recipe = EXAMPLES / "nginx"
    (site.folder / "nginx.conf").write_text(
        adapted(
            (recipe / "nginx.conf").read_text(),
            {
                "server tokens.example.org:443": f"server {site.host}",
                "https://gate/oauth2": f"https://gate/issuers/{site.cluster.issuer}/oauth2",
                "tokens.example.org": "localhost",
                "/etc/ssl/certs/ca-certificates.crt": str(site.authority),
                "127.0.0.1:8080": f"127.0.0.1:{port}",
                "127.0.0.1:9000": f"127.0.0.1:{behind}",
            },
        )
    )
    credential = await site.credential()
    (site.folder / "introspect.js").write_text(
        adapted(
            (recipe / "introspect.js").read_text(), {"/run/secrets/gate/token": str(credential)}
        )
    )
    # One process, which stays the user who may read the credential.
    alone = "daemon off; master_process off; pid nginx.pid;"
    program = await asyncio.to_thread(packaged, "nginx")
    command = [str(program), "-p", f"{site.folder}/", "-c", "nginx.conf"]
    command += ["-e", "stderr", "-g", alone]
    async with (
        upstream(behind) as service,
        serving(command, port, site.folder / "nginx.log") as url,
    ):
        yield url, service
