"""The yardstick: a bare asyncio loop, in a process of its own, that does the writes of an issue and nothing else.

It mints nothing, watches nothing and checks nothing. `python -m benchmarks.bare KUBECONFIG PATTERN NAMESPACE COUNT
STEPS` with STEPS `create` (the resources), `issue` (Secret and status of each that exists), `both`, or `renew` (Secret
and status of each again).
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from benchmarks.api import (
    IN_FLIGHT,
    MERGE_PATCH,
    Object,
    opened,
    resources_path,
    secrets_path,
)
from benchmarks.pattern import Pattern, resource

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from benchmarks.api import Api, Meta

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BareLoop:
    """The writes, one resource at a time."""

    api: Api
    pattern: Pattern
    namespace: str

    async def create(self, name: str) -> Meta:
        """Write a resource, as a user does."""
        body = resource(self.namespace, name)
        answer = await self.api.request("POST", resources_path(self.namespace), body)
        return msgspec.json.decode(answer, type=Object).metadata

    async def issue(self, meta: Meta) -> None:
        """Write the Secret and then the status of a resource, as an issue does."""
        secret = self.pattern.secret(self.namespace, meta)
        await self.api.request("POST", secrets_path(self.namespace), secret)
        path = f"{resources_path(self.namespace)}/{meta.name}/status"
        await self.api.request(
            "PATCH", path, self.pattern.status(self.namespace, meta), MERGE_PATCH
        )

    async def renew(self, meta: Meta) -> None:
        """Write the Secret and then the status of a resource again, as a renewal does."""
        path = f"{secrets_path(self.namespace)}/{meta.name}-token"
        secret = self.pattern.secret(self.namespace, meta)
        await self.api.request("PATCH", path, secret, MERGE_PATCH)
        status = self.pattern.status(self.namespace, meta).replace(b'"revision":1', b'"revision":2')
        path = f"{resources_path(self.namespace)}/{meta.name}/status"
        await self.api.request("PATCH", path, status, MERGE_PATCH)

    async def create_and_issue(self, name: str) -> None:
        """All three writes."""
        await self.issue(await self.create(name))


async def each(items: Iterable[T], work: Callable[[T], Awaitable[object]]) -> None:
    """Work off the items, IN_FLIGHT at a time."""
    left = iter(items)

    async def worker() -> None:
        for item in left:
            await work(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(worker())


async def run(kubeconfig: str, pattern: Pattern, namespace: str, count: int, steps: str) -> None:
    """Do the steps for `count` resources of a namespace."""
    async with opened(kubeconfig) as api:
        loop = BareLoop(api, pattern, namespace)
        if steps in {"issue", "renew"}:
            work = loop.issue if steps == "issue" else loop.renew
            await each(await api.metas(resources_path(namespace)), work)
        else:
            make = loop.create if steps == "create" else loop.create_and_issue
            await each((f"r-{number:05}" for number in range(count)), make)


def main() -> None:
    """Run as a process."""
    kubeconfig, pattern, namespace, count, steps = sys.argv[1:]
    asyncio.run(run(kubeconfig, Pattern.load(Path(pattern)), namespace, int(count), steps))


if __name__ == "__main__":
    main()
