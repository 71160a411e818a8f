"""A gate in the test's own process, on a real API server, asked over real sockets."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec

from mintmaster.gate.process import Process
from mintmaster.gate.settings import Settings
from mintmaster.kube import config
from mintmaster.kube.tracing import UNTRACED
from reconcile.harness import PATIENCE, SettableClock, SettableSkew

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from mintmaster.kube.tracing import Tracing

INACTIVE = b'{"active":false}'


@dataclass
class Elapsed:
    """A monotonic clock that can be set ahead, and stopped."""

    ahead: float = 0.0
    stopped_at: float | None = None

    def __call__(self) -> float:
        now = time.monotonic() if self.stopped_at is None else self.stopped_at
        return now + self.ahead

    def stop(self) -> None:
        """Stand still until `go_on`."""
        self.stopped_at = time.monotonic()

    def go_on(self) -> None:
        """Show the time that it is."""
        self.stopped_at, self.ahead = None, 0.0


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass
class Gate:
    """A gate that runs in this process, and one who asks it as the bearer of a credential."""

    process: Process
    session: aiohttp.ClientSession
    elapsed: Elapsed
    issuer: str = ""
    credential: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        return f"http://{self.process.address}"

    def path(self, path: str) -> str:
        return f"/issuers/{self.issuer}{path}"

    async def ask(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        async with self.session.request(
            method, self.url + path, data=form if data is None else data, headers=headers
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def introspect(self, token: str, credential: str | None = None) -> Answer:
        """Ask about a token as the gate's own asker, or as somebody else."""
        return await self.ask(
            "POST",
            self.path("/oauth2/introspect"),
            form={"token": token},
            headers=bearer(credential or self.credential),
        )

    async def revoke(self, token: str, credential: str) -> Answer:
        return await self.ask(
            "POST",
            self.path("/oauth2/revoke"),
            form={"token": token},
            headers=bearer(credential),
        )

    async def review(
        self, token: str, *audiences: str, version: str = "authentication.k8s.io/v1"
    ) -> Any:
        """The status of a TokenReview."""
        spec = {"token": token, "audiences": audiences}
        body = {"apiVersion": version, "kind": "TokenReview", "spec": spec}
        answer = await self.ask(
            "POST", self.path("/k8s/tokenreview"), data=msgspec.json.encode(body)
        )
        assert answer.status == 200, answer
        assert answer.json["apiVersion"] == version
        return answer.json["status"]

    async def is_active(self, token: str) -> bool:
        """Whether introspection says so; any answer but the two regular ones fails."""
        answer = await self.introspect(token)
        assert answer.status == 200, answer
        assert answer.json["active"] or answer.body == INACTIVE
        return bool(answer.json["active"])

    async def until_inactive(self, token: str) -> None:
        await self._until(token, active=False)

    async def until_active(self, token: str) -> None:
        await self._until(token, active=True)

    async def _until(self, token: str, *, active: bool) -> None:
        async with asyncio.timeout(PATIENCE):
            while await self.is_active(token) is not active:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


@asynccontextmanager
async def gating(
    kubeconfig: Path,
    clock: SettableClock | None = None,
    settings: Settings | None = None,
    tracing: Tracing = UNTRACED,
) -> AsyncIterator[Gate]:
    """Run a gate for the length of the block; it has listed everything when the block begins."""
    elapsed, clock = Elapsed(), clock or SettableClock()
    process = Process(
        config.load(str(kubeconfig), None),
        settings or Settings(listen="127.0.0.1:0"),
        clock=clock,
        skew=SettableSkew(clock),
        monotonic=elapsed,
        tracing=tracing,
    )
    stop = asyncio.Event()
    task = asyncio.create_task(process.run(stop))
    try:
        async with aiohttp.ClientSession() as session:
            await _ready(process, task)
            yield Gate(process, session, elapsed)
    finally:
        stop.set()
        await task


async def _ready(process: Process, task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(PATIENCE):
        while process.unready() or not process.address:
            if task.done():
                task.result()
                raise AssertionError("the gate ended at once")
            await asyncio.sleep(0.01)
