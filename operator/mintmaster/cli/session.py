"""What commands do with the cluster: read, write, and wait for resources, in terms of our kinds."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Generic

import msgspec

from mintmaster.api import decoding, names
from mintmaster.api.kinds import M_co
from mintmaster.api.schema import DNS_LABEL
from mintmaster.cli.exits import Exit, Failure
from mintmaster.kube.backoff import Backoff
from mintmaster.kube.client import APPLY, Client
from mintmaster.kube.clock import Skew, SystemClock
from mintmaster.kube.errors import NotFound, TooManyRequests
from mintmaster.kube.paths import collection_path, object_path
from mintmaster.kube.secrets import Secrets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from datetime import timedelta

    from mintmaster.api.kinds import ResourceKind
    from mintmaster.kube.clock import Clock
    from mintmaster.kube.config import Connection

Object = dict[str, Any]
"""An object as the API server sends and takes it."""

FIELD_MANAGER: Final = "mintmaster-cli"
"""Who we are in `managedFields` where we apply."""

_REFUSALS = 5
"""How often a read is tried again that was refused for want of room, or as a CRD's storage is being made."""

_FIRST_LOOK, _LONGEST_PAUSE = 0.1, 1.0
"""Seconds between looks at what is waited for: soon at first, as most issues take a tenth of a second."""


_NAMESPACE = re.compile(DNS_LABEL)
_HELD = "something holds it, see metadata.finalizers"


@dataclass(frozen=True)
class Item(Generic[M_co]):
    """One resource, as the API server sent it and as we read it."""

    kind: ResourceKind[M_co]
    raw: Object = field(repr=False)

    @cached_property
    def resource(self) -> M_co:
        """The resource as its model; MalformedResource where it does not fit."""
        return decoding.decode(self.kind, self.raw)

    @property
    def name(self) -> str:
        """The name of the resource."""
        return str(self.raw["metadata"]["name"])

    @property
    def label(self) -> str:
        """The resource as kubectl names it: `runnerregistration.mintmaster.dev/build`."""
        return f"{self.kind.singular}.{names.GROUP}/{self.name}"


@dataclass
class Session:
    """A connection to one cluster, and the namespace that is meant where none is named."""

    client: Client
    namespace: str
    skew: Skew
    clock: Clock = field(default_factory=SystemClock)

    @property
    def secrets(self) -> Secrets:
        """The Secrets of the cluster."""
        return Secrets(self.client)

    async def get(self, kind: ResourceKind[M_co], name: str) -> Item[M_co]:
        """Read a resource; Failure that says where to look where there is none."""
        try:
            return Item(kind, await self.read(self.path(kind, name)))
        except NotFound as error:
            raise await self._missing(kind, name) from error

    async def find(
        self,
        kind: ResourceKind[M_co],
        *,
        everywhere: bool = False,
        labels: str | None = None,
        fields: str | None = None,
        most: int | None = None,
    ) -> list[Item[M_co]]:
        """Read the resources of a kind, in the namespace or everywhere, by name: all of them, or so many."""
        namespace = self.namespace if kind.namespaced and not everywhere else None
        path = collection_path(names.API_VERSION, kind.plural, namespace)
        limit = str(most) if most is not None else None
        selectors = {"labelSelector": labels, "fieldSelector": fields, "limit": limit}
        params = {key: value for key, value in selectors.items() if value}
        found = await self.read(path, params)
        head = {"apiVersion": names.API_VERSION, "kind": kind.kind}
        return [Item(kind, {**head, **item}) for item in found["items"]]

    async def create(self, kind: ResourceKind[M_co], body: Object) -> Item[M_co]:
        """Create a resource in the namespace."""
        namespace = self.namespace if kind.namespaced else None
        path = collection_path(names.API_VERSION, kind.plural, namespace)
        return Item(kind, msgspec.json.decode(await self.client.create(path, body)))

    async def patch(self, kind: ResourceKind[M_co], name: str, patch: Object) -> Item[M_co]:
        """Merge a patch into a resource."""
        raw = await self.client.merge_patch(self.path(kind, name), patch)
        return Item(kind, msgspec.json.decode(raw))

    async def delete(self, kind: ResourceKind[M_co], name: str, uid: str | None = None) -> None:
        """Delete a resource."""
        await self.client.delete(self.path(kind, name), uid=uid)

    async def apply(
        self,
        path: str,
        body: Object,
        *,
        manager: str = FIELD_MANAGER,
        force: bool = False,
        dry_run: bool = False,
    ) -> Object:
        """Apply an object server-side, as the manager of the fields that it names; returns it as it is then."""
        params = {"fieldManager": manager, "force": str(force).lower()}
        if dry_run:
            params["dryRun"] = "All"
        return await self._decoded(
            self.client.request(
                "PATCH", path, params=params, body=msgspec.json.encode(body), content_type=APPLY
            )
        )

    async def read(self, path: str, params: Mapping[str, str] | None = None) -> Object:
        """Read any object or list; a server that asks for patience (429) gets a little of it."""
        for _ in range(_REFUSALS):
            try:
                return await self._decoded(self.client.get(path, params))
            except TooManyRequests as error:
                await asyncio.sleep(error.retry_after or 1.0)
        return await self._decoded(self.client.get(path, params))

    async def until(
        self,
        kind: ResourceKind[M_co],
        name: str,
        holds: Callable[[M_co], object],
        *,
        what: str,
        patience: timedelta,
    ) -> Item[M_co]:
        """Read a resource until something holds of it. Failure with NOT_READY when the time is over."""
        deadline = time.monotonic() + patience.total_seconds()
        with _waiting(f"waiting until {what}"), _told_when_interrupted(what):
            for pause in Backoff(first=_FIRST_LOOK, cap=_LONGEST_PAUSE):
                found = await self.get(kind, name)
                if holds(found.resource):
                    return found
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Failure(_gave_up(found, what, patience), Exit.NOT_READY)
                await asyncio.sleep(min(pause, left))
        raise AssertionError("a Backoff never ends")

    async def until_gone(
        self, kind: ResourceKind[M_co], name: str, uid: str, *, patience: timedelta
    ) -> None:
        """Wait until that life of a resource has ended. Failure with NOT_READY when the time is over."""
        deadline = time.monotonic() + patience.total_seconds()
        with _waiting(f"waiting until {name} is gone"):
            for pause in Backoff(first=_FIRST_LOOK, cap=_LONGEST_PAUSE):
                if await self._has_ended(kind, name, uid):
                    return
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Failure(f"{kind.kind} {name!r} is still there: {_HELD}", Exit.NOT_READY)
                await asyncio.sleep(min(pause, left))

    def path(self, kind: ResourceKind[M_co], name: str, subresource: str | None = None) -> str:
        """The path of a resource in the namespace; Failure for what cannot be a name."""
        namespace = self.namespace if kind.namespaced else None
        try:
            return object_path(names.API_VERSION, kind.plural, namespace, name, subresource)
        except ValueError as error:
            raise Failure(str(error), Exit.USAGE) from error

    async def _has_ended(self, kind: ResourceKind[M_co], name: str, uid: str) -> bool:
        try:
            found = await self.read(self.path(kind, name))
        except NotFound:
            return True
        return bool(found["metadata"]["uid"] != uid)

    async def _missing(self, kind: ResourceKind[M_co], name: str) -> Exception:
        """What to say of a resource that is not there: that kind may be unknown, or live elsewhere."""
        namespace = self.namespace if kind.namespaced else None
        await self.client.get(
            collection_path(names.API_VERSION, kind.plural, namespace), {"limit": "1"}
        )
        where = f" in namespace {self.namespace!r} (name another with -n)" if namespace else ""
        return Failure(f"there is no {kind.kind} {name!r}{where}", Exit.NOT_FOUND)

    async def _decoded(self, answer: Any) -> Object:
        try:
            found: Object = msgspec.json.decode(await answer)
        except msgspec.DecodeError as error:
            raise Failure(f"{self.client.server} does not answer like an API server") from error
        return found


@asynccontextmanager
async def opened(connection: Connection, namespace: str | None) -> AsyncIterator[Session]:
    """Open a session for the length of the block. Failure for what cannot be a namespace."""
    if namespace is not None and not _NAMESPACE.fullmatch(namespace):
        raise Failure(f"--namespace: {namespace!r} cannot be the name of one", Exit.USAGE)
    skew = Skew(SystemClock())
    async with Client(connection, skew=skew) as client:
        yield Session(client, namespace or connection.namespace, skew)


@contextmanager
def _told_when_interrupted(what: str) -> Iterator[None]:
    """Say on Ctrl-C what was not waited for: the write before it may stand, and is worth a look."""
    try:
        yield
    except asyncio.CancelledError:
        print(f"interrupted while waiting until {what}", file=sys.stderr)  # noqa: T201 - for people
        raise


def _waiting(text: str) -> Any:
    """Show on a terminal that something is waited for; nothing is written elsewhere."""
    from rich.console import Console  # noqa: PLC0415 - processes that show no progress go without

    console = Console(stderr=True)
    console.quiet = not console.is_terminal
    return console.status(text)


def _gave_up(item: Item[Any], what: str, patience: timedelta) -> str:
    """Say what was waited for in vain, and what the resource itself gives as its reason."""
    said = [
        f"  {found['type']}={found['status']}: {found['reason']}: {found['message']}"
        for found in item.raw.get("status", {}).get("conditions", [])
    ]
    reasons = (
        "\n".join(said) or "  it has no conditions yet: does the operator run? mintmaster doctor"
    )
    return f"gave up after {int(patience.total_seconds())} s of waiting until {what}. It says:\n{reasons}"
