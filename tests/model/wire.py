"""What lies between a process and the database: requests that wait to be served, and watches that lag behind."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

import msgspec

from mintmaster.kube.client import JSON, Client
from mintmaster.kube.config import Connection
from mintmaster.kube.errors import (
    ApiError,
    Forbidden,
    Gone,
    KubeError,
    ServerFault,
    TooManyRequests,
    Unreachable,
)
from mintmaster.kube.tls import ClientTLS
from model.database import Place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from model.database import Change, Database, Object
    from model.virtual_loop import VirtualLoop


class Fate(Enum):
    """What becomes of a request."""

    ANSWERED = "carried out and answered"
    LOST = "carried out, and the answer is lost"
    DROPPED = "never arrives"
    BUSY = "429"
    FAULT = "500"
    REFUSED = "403, if it is a write: a quota, a webhook"


@dataclass(eq=False)
class Request:
    """A request under way."""

    client: ModelClient
    method: str
    place: Place
    subresource: str
    params: Mapping[str, str]
    body: Object
    answer: asyncio.Future[bytes]

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    def __str__(self) -> str:
        what = "/".join(part for part in (*self.place, self.subresource) if part)
        return f"{self.client.owner}: {self.method} {what}"


@dataclass(eq=False)
class Watch:
    """A watch that stands; what it has not been shown yet waits in the database's log."""

    client: ModelClient
    plural: str
    namespace: str
    labels: tuple[tuple[str, str], ...]
    position: int
    age: int
    """How many restores the database had seen when it began."""
    chunks: asyncio.Queue[bytes | KubeError] = field(default_factory=asyncio.Queue)
    stands: bool = True


@dataclass
class Wire:
    """All requests and watches of all processes, and the one hand that serves them."""

    database: Database
    requests: list[Request] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)
    sent: Callable[[Request], None] = lambda _request: None
    """Told of each write of ours just before it is carried out."""
    writer: Request | None = None
    """Whose write is being carried out; None for people and the cluster itself."""
    trace: list[str] = field(default_factory=list)

    def serve(self, request: Request, fate: Fate = Fate.ANSWERED) -> None:
        """Let a request come to its end, and its process go on."""
        self.requests.remove(request)
        answer: bytes | KubeError
        if fate in {Fate.ANSWERED, Fate.LOST}:
            try:
                answer = msgspec.json.encode(self._carry_out(request))
            except ApiError as error:
                answer = error
        else:
            answer = _failure(fate, request)
        if fate is Fate.LOST:
            answer = Unreachable("the answer was lost")
        self.trace.append(f"{request} -> {_outcome(answer)}")
        request.client.answered(request, answer)

    def deliver(self, watch: Watch, count: int, *, backwards: bool = False) -> None:
        """Show a watch the next changes, in one chunk; a bookmark where there is nothing to show."""
        try:
            changes = self.database.since(watch.position, watch.plural, watch.namespace)[:count]
        except Gone as error:
            self.end(watch, error)
            return
        if changes:
            watch.position = changes[-1].version
        elif watch.position < self.database.version:
            watch.position = self.database.version
        events = [event for change in changes if (event := _event(watch, change))]
        if not changes:
            events = [("BOOKMARK", {"metadata": {"resourceVersion": str(watch.position)}})]
        self.trace.append(f"{watch.client.owner} is shown {len(changes)} of {watch.plural}")
        watch.client.backwards = backwards
        lines = (msgspec.json.encode({"type": type_, "object": it}) for type_, it in events)
        watch.client.showed(watch, b"".join(line + b"\n" for line in lines))

    def end(self, watch: Watch, error: KubeError | None = None) -> None:
        """Break a watch off."""
        watch.stands = False
        self.watches.remove(watch)
        watch.client.showed(watch, error or Unreachable("the watch was cut"))

    def is_behind(self, watch: Watch) -> bool:
        """Whether there is something that the watch has not been shown."""
        if watch.position < self.database.compacted:
            return True
        return bool(self.database.since(watch.position, watch.plural, watch.namespace))

    def forget(self, client: ModelClient) -> None:
        """A process is gone; its writes under way may still arrive."""
        self.requests = [it for it in self.requests if it.client is not client or it.writes]
        self.watches = [it for it in self.watches if it.client is not client]

    def _carry_out(self, request: Request) -> Object:
        database, place = self.database, request.place
        if request.method == "GET":
            return database.get(place) if place.name else self._list(request)
        if request.method == "POST":
            place = Place(place.plural, place.namespace, request.body["metadata"]["name"])
        self.sent(request)
        self.writer = request
        try:
            match request.method:
                case "POST":
                    return database.create(place, request.body)
                case "PATCH":
                    return database.patch(place, request.body, subresource=request.subresource)
                case _:
                    return database.delete(place, request.body)
        finally:
            self.writer = None

    def _list(self, request: Request) -> Object:
        place, labels = request.place, _selected(request.params)
        found = database_matches(self.database.all_of(place.plural, place.namespace), labels)
        for selector in filter(None, request.params.get("fieldSelector", "").split(",")):
            path, _, wanted = selector.partition("=")
            found = [it for it in found if _field(it, path) == wanted]
        return {"metadata": {"resourceVersion": str(self.database.version)}, "items": found}


class ModelClient(Client):
    """A client whose requests wait until the model serves them."""

    def __init__(self, wire: Wire, loop: VirtualLoop, owner: str) -> None:
        super().__init__(Connection("http://127.0.0.1:1", ClientTLS()))
        self._wire = wire
        self._loop = loop
        self.owner = owner
        self.dead = False
        self.backwards = False
        """In which order a chunk's events reach those that keep no order between objects."""

    async def request(  # the signature of the base
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,  # noqa: ARG002 - the signature of the base
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - the signature of the base
    ) -> bytes:
        if self.dead:
            raise asyncio.CancelledError
        place, subresource = parsed(path)
        request = Request(
            client=self,
            method=method,
            place=place,
            subresource=subresource,
            params=params or {},
            body=msgspec.json.decode(body) if body else {},
            answer=self._loop.create_future(),
        )
        self._wire.requests.append(request)
        try:
            return await request.answer
        except asyncio.CancelledError:
            if not self.dead:
                with suppress(ValueError):
                    self._wire.requests.remove(request)
            raise

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        params: Mapping[str, str],
        *,
        silence: float,  # noqa: ARG002 - a watch of the model is cut by hand
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        place, _ = parsed(path)
        position = int(params["resourceVersion"] or 0)
        age = self._wire.database.restores
        watch = Watch(self, place.plural, place.namespace, _selected(params), position, age)
        self._wire.watches.append(watch)
        try:
            yield _chunks(watch)
        finally:
            if watch in self._wire.watches:
                self._wire.watches.remove(watch)

    def answered(self, request: Request, answer: bytes | KubeError) -> None:
        """Hand over the answer of a request, and go on."""
        if self.dead or request.answer.done():
            return
        if isinstance(answer, KubeError):
            request.answer.set_exception(answer)
        else:
            request.answer.set_result(answer)
        self._loop.run_ready()

    def showed(self, watch: Watch, chunk: bytes | KubeError) -> None:
        """Hand over what a watch shows, and go on."""
        watch.chunks.put_nowait(chunk)
        self._loop.run_ready()


async def _chunks(watch: Watch) -> AsyncIterator[bytes]:
    while True:
        chunk = await watch.chunks.get()
        if isinstance(chunk, KubeError):
            raise chunk
        yield chunk


def parsed(path: str) -> tuple[Place, str]:
    """Place and subresource that a path of the Kubernetes API names."""
    parts = path.strip("/").split("/")[2 if path.startswith("/api/") else 3 :]
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 2:
        namespace, parts = parts[1], parts[2:]
    plural, name, subresource = (*parts, "", "")[:3]
    return Place(plural, namespace, name), subresource


def _field(found: Object, path: str) -> Any:
    """The field at a dotted path; an issuer that is not named is the default one."""
    part: Any = found
    for name in path.split("."):
        part = part.get(name, "default" if path == "spec.issuerRef.name" and name == "name" else {})
    return part


def database_matches(found: Any, labels: tuple[tuple[str, str], ...]) -> list[Object]:
    """Those of the objects that carry the labels."""
    return [it for it in found if _carries(it, labels)]


def _carries(found: Object | None, labels: tuple[tuple[str, str], ...]) -> bool:
    if found is None:
        return False
    carried = found["metadata"].get("labels", {})
    return all(carried.get(name) == value for name, value in labels)


def _event(watch: Watch, change: Change) -> tuple[str, Object] | None:
    """What a change is to those who see only what carries their labels."""
    before, after = _carries(change.before, watch.labels), _carries(change.after, watch.labels)
    if after:
        assert change.after is not None
        return "MODIFIED" if before else "ADDED", change.after
    if not before or change.before is None:
        return None
    meta = change.before["metadata"] | {"resourceVersion": str(change.version)}
    return "DELETED", change.before | {"metadata": meta}


def _selected(params: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    pairs = (pair.partition("=") for pair in params.get("labelSelector", "").split(",") if pair)
    return tuple((name, value) for name, _, value in pairs)


def _failure(fate: Fate, request: Request) -> KubeError:
    match fate:
        case Fate.BUSY:
            return TooManyRequests(429, "too many requests", retry_after=1.0)
        case Fate.FAULT:
            return ServerFault(500, "etcdserver: request timed out")
        case Fate.REFUSED if request.writes:
            return Forbidden(403, "exceeded quota", reason="Forbidden")
        case _:
            return Unreachable("connection refused")


def _outcome(answer: bytes | KubeError) -> str:
    return type(answer).__name__ if isinstance(answer, KubeError) else "answered"
