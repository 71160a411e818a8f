"""How soon a gate knows of a revocation: from before it is written until the token is inactive there."""

from __future__ import annotations

import asyncio
import time
from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from benchmarks.api import MERGE_PATCH, resources_path, secrets_path
from benchmarks.figures import p50, p99
from benchmarks.pattern import resource
from benchmarks.polling import until
from benchmarks.processes import gate
from benchmarks.stage import AUDIENCE, set_up
from benchmarks.stopwatch import stopwatch
from mintmaster.localcluster import progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.stage import Stage

SAMPLES = 100
REVOKED = b'{"spec":{"revoked":true}}'

_REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}


class _Secret(msgspec.Struct):
    data: dict[str, str]


@dataclass(frozen=True, slots=True)
class Revocations:
    """Seconds until a gate's answers showed a revocation, and until the API server had answered it."""

    seen: Sequence[float]
    written: Sequence[float]

    def __str__(self) -> str:
        """Say what came out."""
        return (
            f"revocation to inactive at a gate: {p50(self.seen) * 1000:.1f} ms at the median (aim: < 50), "
            f"{p99(self.seen) * 1000:.1f} ms at the 99th percentile; the write itself takes "
            f"{p50(self.written) * 1000:.1f} ms of it"
        )


@dataclass(frozen=True, slots=True)
class _Reviewer:
    """Asks a gate about tokens, as kube-apiserver does."""

    session: aiohttp.ClientSession
    url: str

    async def accepts(self, token: str) -> bool:
        body = msgspec.json.encode(_REVIEW | {"spec": {"token": token, "audiences": [AUDIENCE]}})
        async with self.session.post(self.url, data=body) as answer:
            return b'"authenticated":true' in await answer.read()


async def measured() -> Revocations:
    """Revoke one resource after the other on a control plane of its own, and ask a gate all the time."""
    async with set_up(progress.to_stderr) as stage:
        namespace = await stage.fresh_namespace()
        async with (
            stage.operator() as operator,
            gate(stage.kubeconfig, stage.operator_log) as address,
            aiohttp.ClientSession() as session,
        ):
            await operator.wait_until_leading()
            tokens = await _issued(stage, namespace)
            reviewer = _Reviewer(session, f"http://{address}/k8s/tokenreview")
            return await _revoked_one_by_one(stage, namespace, tokens, reviewer)


async def _issued(stage: Stage, namespace: str) -> dict[str, str]:
    """Have the operator issue the tokens; by the names of their resources."""
    path = resources_path(namespace)
    found = {}
    async with stopwatch(stage.api, namespace) as seen:
        for number in range(SAMPLES):
            name = f"r-{number:05}"
            await stage.api.request("POST", path, resource(namespace, name))
            await seen.wait_for_name(name)
            secret = await stage.api.request("GET", f"{secrets_path(namespace)}/{name}-token")
            data = msgspec.json.decode(secret, type=_Secret).data
            found[name] = b64decode(data["token"]).decode()
    return found


async def _revoked_one_by_one(
    stage: Stage, namespace: str, tokens: dict[str, str], reviewer: _Reviewer
) -> Revocations:
    seen, written = [], []
    for name, token in tokens.items():
        await until(lambda token=token: reviewer.accepts(token))  # type: ignore[misc]
        began = time.monotonic()
        path = f"{resources_path(namespace)}/{name}"
        writing = asyncio.create_task(_seconds_of_write(stage, path))
        while await reviewer.accepts(token):
            pass
        seen.append(time.monotonic() - began)
        written.append(await writing)
    return Revocations(seen, written)


async def _seconds_of_write(stage: Stage, path: str) -> float:
    began = time.monotonic()
    await stage.api.request("PATCH", path, REVOKED, MERGE_PATCH)
    return time.monotonic() - began
