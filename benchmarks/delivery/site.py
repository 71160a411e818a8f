"""An issuer of the measurement's own, an administrator's token of it, and a gate that answers for it."""

from __future__ import annotations

import asyncio
import base64
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec

from benchmarks import processes
from benchmarks.api import secrets_path
from benchmarks.polling import until
from benchmarks.stage import OPERATOR_NAMESPACE
from mintmaster.api.kinds import TOKEN_ISSUER, USER_ACCESS_TOKEN
from mintmaster.api.names import API_VERSION
from mintmaster.kube.paths import collection_path, object_path
from mintmaster.localcluster import ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from benchmarks.stage import Stage

_ADMINISTRATOR = "Administrator"
_EVERYTHING = ("kinds", "subjects", "runnerTypes", "projects", "scopes", "roles", "audiences")


@dataclass(frozen=True, slots=True)
class Site:
    """Where users and runners are made."""

    stage: Stage
    issuer: str
    namespace: str
    admin_token: str = field(repr=False)

    @property
    def users_path(self) -> str:
        """The collection that imported users come into."""
        return collection_path(API_VERSION, USER_ACCESS_TOKEN.plural, self.namespace)

    async def admin(self, command: str, *options: object) -> None:
        """Run `mintmaster admin` as people do. Failed where it fails."""
        program = Path(sys.executable).with_name("mintmaster")
        said = (*("--issuer", self.issuer), *("--admin-access-token", self.admin_token))
        arguments = (program, "admin", command, *options, *said)
        process = await asyncio.create_subprocess_exec(
            *map(str, (*arguments, "--kubeconfig", self.stage.kubeconfig)),
            stdout=asyncio.subprocess.DEVNULL,
        )
        if await process.wait() != 0:
            raise processes.Failed(f"mintmaster admin {command} ended with {process.returncode}")

    @asynccontextmanager
    async def gate(self) -> AsyncIterator[str]:
        """Run a gate for the length of the block; yields the URL of the issuer there."""
        address = f"{ports.LOOPBACK}:{ports.free(1)[0]}"
        program = Path(sys.executable).with_name("mintmaster")
        with self.stage.operator_log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(program, "gate", "--listen", address, "--kubeconfig", self.stage.kubeconfig),
                stderr=log,
            )
        try:
            async with aiohttp.ClientSession() as session:
                await until(lambda: _is_ready(session, address), within=60)
            yield f"http://{address}/issuers/{self.issuer}"
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def opened(stage: Stage, name: str) -> Site:
    """Make the issuer, and have an operator issue the administrator's token."""
    namespace = await stage.fresh_namespace()
    await _create(stage, TOKEN_ISSUER.plural, None, _issuer(name, namespace))
    await _create(stage, USER_ACCESS_TOKEN.plural, OPERATOR_NAMESPACE, _administrator(name))
    path = f"{secrets_path(OPERATOR_NAMESPACE)}/{name}-token"
    found: dict[str, Any] = {}

    async def delivered() -> bool:
        listed = await stage.api.metas(secrets_path(OPERATOR_NAMESPACE))
        if not any(meta.name == f"{name}-token" for meta in listed):
            return False
        found.update(msgspec.json.decode(await stage.api.request("GET", path))["data"])
        return True

    async with stage.operator():
        await until(delivered)
    return Site(stage, name, namespace, base64.b64decode(found["token"]).decode())


async def _create(stage: Stage, plural: str, namespace: str | None, body: object) -> None:
    path = collection_path(API_VERSION, plural, namespace)
    await stage.api.request("POST", path, msgspec.json.encode(body))


async def remove(site: Site) -> None:
    """Delete what the site left in the operator's namespace."""
    for plural, namespace in (
        (USER_ACCESS_TOKEN.plural, OPERATOR_NAMESPACE),
        (TOKEN_ISSUER.plural, None),
    ):
        path = object_path(API_VERSION, plural, namespace, site.issuer)
        await site.stage.api.request("DELETE", path)


async def _is_ready(session: aiohttp.ClientSession, address: str) -> bool:
    try:
        async with session.get(f"http://{address}/readyz") as response:
            return response.status == 200
    except aiohttp.ClientConnectionError:
        return False


def _issuer(name: str, namespace: str) -> dict[str, object]:
    grant = {"namespaces": {"names": ["*"]}, "unlimited": True}
    return {
        "apiVersion": API_VERSION,
        "kind": TOKEN_ISSUER.kind,
        "metadata": {"name": name},
        "spec": {
            "url": f"https://{name}.example.com",
            "signer": "Operator",
            "audiences": ["https://api.example.com"],
            "limits": {"issuesPerHour": 360, "issuesPerHourPerNamespace": 1_000_000},
            "scopes": [{"name": "api"}],
            "roles": [{"name": _ADMINISTRATOR, "scopes": ["api"]}],
            "compatibleApis": ["GitLab"],
            "apiNamespace": namespace,
            "grants": [grant | {what: ["*"] for what in _EVERYTHING}],
        },
    }


def _administrator(issuer: str) -> dict[str, object]:
    return {
        "apiVersion": API_VERSION,
        "kind": USER_ACCESS_TOKEN.kind,
        "metadata": {"name": issuer},
        "spec": {
            "user": {"email": "admin@example.com"},
            "roles": [_ADMINISTRATOR],
            "projects": ["*"],
            "token": {"format": "Opaque"},
            "issuerRef": {"name": issuer},
        },
    }
