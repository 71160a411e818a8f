"""A gate that serves listed namespaces: one that refuses to be read is left behind, and the others go on (I17)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import msgspec

from gate.harness import Elapsed
from kube.waiting import until
from mintmaster.gate.copies import DEFAULT_MAX_STALENESS, Copies
from mintmaster.gate.knowledge import Knowledge
from mintmaster.gate.status_lists import PublishedLists
from mintmaster.kube.errors import from_response
from mintmaster.kube.scope import Scope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from mintmaster.kube.client import Client

HOME, OPEN, OTHER = "mintmaster-system", "team-a", "team-b"
RUNNERS = "runnerregistrations"


@dataclass
class ApiServer:
    """Has one runner in each namespace; some namespaces may not be read. A watch ends when it is told to."""

    closed: set[str] = field(default_factory=set)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> bytes:  # noqa: ARG002 - as a client
        self._check(path)
        parts = path.split("/")
        if parts[-2] == "namespaces":
            meta = {"name": parts[-1], "uid": parts[-1], "labels": {"team": parts[-1]}}
            return msgspec.json.encode({"metadata": meta})
        items = [_runner(parts[-2])] if parts[-1] == RUNNERS else []
        return msgspec.json.encode({"metadata": {"resourceVersion": "1"}, "items": items})

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        params: Mapping[str, str],  # noqa: ARG002 - as a client
        *,
        silence: float,  # noqa: ARG002
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        self._check(path)
        yield self._nothing()

    async def _nothing(self) -> AsyncIterator[bytes]:
        await self.over.wait()
        while not self.over.is_set():
            yield b""

    def _check(self, path: str) -> None:
        if any(f"/namespaces/{it}" in path for it in self.closed):
            message = b'{"reason": "Forbidden", "message": "not any more"}'
            raise from_response(403, message, retry_after=None)

    def close(self, namespace: str) -> None:
        """Have a namespace refuse from now on, also to watches that stand."""
        self.closed.add(namespace)
        self.over.set()


def _runner(namespace: str) -> dict[str, object]:
    meta = {
        "name": "runner",
        "namespace": namespace,
        "uid": f"uid-{namespace}",
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": "2026-12-01T10:00:00Z",
    }
    return {"metadata": meta, "spec": {"type": "Instance"}, "status": {}}


@dataclass
class Following:
    """What a gate follows and knows."""

    api: ApiServer
    knowledge: Knowledge
    copies: Copies
    elapsed: Elapsed

    def knows(self, namespace: str) -> bool:
        return self.knowledge.resource(f"uid-{namespace}") is not None


@asynccontextmanager
async def following(api: ApiServer) -> AsyncIterator[Following]:
    elapsed, knowledge = Elapsed(), Knowledge()
    copies = Copies(
        cast("Client", api),
        knowledge,
        PublishedLists(),
        namespace=HOME,
        scope=Scope.of((OPEN, OTHER), HOME),
        monotonic=elapsed,
    )
    task = asyncio.create_task(copies.run())
    try:
        yield Following(api, knowledge, copies, elapsed)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_listed_namespaces_are_known_with_their_labels() -> None:
    async with following(ApiServer()) as gate:
        await until(lambda: not gate.copies.missing)
        assert [gate.knows(it) for it in (HOME, OPEN, OTHER)] == [True, True, True]
        assert gate.knowledge.labels(OPEN) == {"team": OPEN}


async def test_how_far_they_are_tells_of_a_restored_database() -> None:
    async with following(ApiServer()) as gate:
        await until(lambda: not gate.copies.missing)
        assert set(gate.copies._positions()) == {"1"}


async def test_a_namespace_that_refuses_makes_only_its_own_tokens_inactive() -> None:
    async with following(ApiServer()) as gate:
        await until(lambda: not gate.copies.missing)
        gate.api.close(OTHER)
        refused = [it for it in gate.copies._copies.values() if it.part == OTHER]
        for copy in refused:
            copy._follower.relist()
        await until(lambda: all(it.refused for it in refused))
        assert gate.knows(OTHER), "a refusal that does not last changes nothing"
        gate.elapsed.ahead = DEFAULT_MAX_STALENESS + 1
        await until(lambda: not gate.knows(OTHER))
        assert gate.knowledge.labels(OTHER) == {}
        for copy in gate.copies._copies.values():
            copy.read_anew()
        await until(lambda: gate.copies.age < DEFAULT_MAX_STALENESS)
        assert [gate.knows(it) for it in (HOME, OPEN)] == [True, True]


async def test_a_namespace_that_never_could_be_read_holds_a_gate_up_no_longer_than_that() -> None:
    async with following(ApiServer(closed={OTHER})) as gate:
        await until(lambda: all(OTHER in it for it in gate.copies.missing))
        await until(
            lambda: all(it.refused for it in gate.copies._copies.values() if it.part == OTHER)
        )
        assert gate.copies.missing
        gate.elapsed.ahead = DEFAULT_MAX_STALENESS + 1
        assert not gate.copies.missing
        gate.api.closed.clear()
        await until(lambda: gate.knows(OTHER), 60)
