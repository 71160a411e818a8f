"""Standing between an operator and its API server: to watch requests, to hold them up, to spoil them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from mintmaster.kube.client import JSON
from mintmaster.kube.paths import route
from mintmaster.operator.leadership import LeaderClient
from mintmaster.operator.process import Process

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Send = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True)
class Request:
    """One request of an operator, without its body: a failure's text must not show a token."""

    method: str
    path: str

    @property
    def resource(self) -> str:
        """The resource with its subresource, e.g. `runnerregistrations/status`."""
        return route(self.path)[0]

    @property
    def is_write(self) -> bool:
        return self.method != "GET"


class Tamper(Protocol):
    """Whoever stands in between; calls `send` to let the request pass."""

    async def __call__(self, request: Request, send: Send) -> bytes: ...


class TamperedClient(LeaderClient):
    """A leader's client whose every request goes through somebody's hands."""

    tamper: Tamper

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the base
    ) -> bytes:
        send = partial(
            super().request,
            method,
            path,
            params=params,
            body=body,
            content_type=content_type,
            timeout=timeout,
        )
        return await self.tamper(Request(method, path), send)


def process_with(tamper: Tamper) -> type[Process]:
    """An operator process all of whose requests go through `tamper`, but for those about its Lease."""

    class TamperedProcess(Process):
        def _client(self) -> LeaderClient:
            client = TamperedClient(
                self._connection,
                may_write=self._may_write,
                limit=self._settings.work.connections,
                skew=self.skew,
                observe=self.metrics.observe_request,
            )
            client.tamper = tamper
            return client

    return TamperedProcess


@dataclass
class Recorder:
    """Lets everything pass and remembers it."""

    requests: list[Request] = field(default_factory=list)

    async def __call__(self, request: Request, send: Send) -> bytes:
        self.requests.append(request)
        return await send()

    def writes_about(self, text: str) -> list[Request]:
        """Writes whose path contains that text, but for Events."""
        return [
            request
            for request in self.requests
            if request.is_write and text in request.path and request.resource != "events"
        ]


@dataclass(frozen=True)
class Target:
    """Which requests are meant."""

    method: str
    resource: str
    within: str = ""
    """Text that the path has to contain, such as the name of a namespace."""

    def matches(self, request: Request) -> bool:
        return (request.method, request.resource) == (
            self.method,
            self.resource,
        ) and self.within in request.path


class Interruption:
    """Holds the first request that matches up, right before it is sent, until it is let go."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._go_on = asyncio.Event()
        self.reached = asyncio.Event()

    async def __call__(self, request: Request, send: Send) -> bytes:
        if self._target.matches(request) and not self.reached.is_set():
            self.reached.set()
            await self._go_on.wait()
        return await send()

    def release(self) -> None:
        self._go_on.set()


@dataclass
class Disturbance:
    """Does something before each request that matches; what it raises is what the operator sees."""

    target: Target
    act: Callable[[], Awaitable[None]]
    count: int = 0

    async def __call__(self, request: Request, send: Send) -> bytes:
        if self.target.matches(request):
            self.count += 1
            await self.act()
        return await send()
