"""Operators and a gate in a model: all of their own code but for kopf, HTTP and the clock."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

import msgspec

from mintmaster.api import kinds, names
from mintmaster.gate.copies import Copies
from mintmaster.gate.knowledge import Knowledge
from mintmaster.gate.settings import VerificationSettings
from mintmaster.gate.status_lists import PublishedLists
from mintmaster.gate.verification import Active, Arrivals, Verification
from mintmaster.kube.errors import Gone, KubeError
from mintmaster.kube.events import EventRecorder
from mintmaster.kube.lines import LineSplitter
from mintmaster.kube.paths import collection_path
from mintmaster.kube.scope import Scope
from mintmaster.operator import core as core_module
from mintmaster.operator.core import Core
from mintmaster.operator.deference import Deference
from mintmaster.operator.metrics import Metrics
from mintmaster.operator.reporting import Reporter
from mintmaster.operator.settings import Settings, WorkSettings
from mintmaster.operator.tap import Meta
from mintmaster.operator.world import World
from model.virtual_loop import VirtualLoop
from model.wire import ModelClient
from reconcile.harness import SettableSkew

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from mintmaster.kube.client import Client
    from mintmaster.operator.pump import Listener
    from model.wire import Wire

NAMESPACE = "mintmaster-system"
BEGIN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass
class Moment:
    """What time it is, for everybody."""

    seconds: float = 0.0

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.seconds)

    def text(self) -> str:
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")


class ModelPump:
    """Hands over what kopf would: no order between objects, of what comes at once the last, no missed deletions."""

    def __init__(self, client: Client, scope: Scope, listener: Listener) -> None:
        assert scope == Scope(), "the model serves all namespaces"
        self._client = client
        self._listener = listener
        self._anew = asyncio.Event()
        self.running = asyncio.Event()

    async def run(self, stop: asyncio.Event, *, on_start: Callable[[], None]) -> None:
        on_start()
        self.running.set()
        while not stop.is_set():
            self._anew.clear()
            kinds_ = [asyncio.create_task(self._follow(kind)) for kind in kinds.ALL_KINDS]
            over = [asyncio.create_task(it.wait()) for it in (stop, self._anew)]
            await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
            for task in (*kinds_, *over):
                task.cancel()
            await asyncio.gather(*kinds_, *over, return_exceptions=True)

    def start_anew(self) -> None:
        self._anew.set()

    async def _follow(self, kind: kinds.ResourceKind[kinds.Resource]) -> None:
        path, position = collection_path(names.API_VERSION, kind.plural), ""
        while True:
            try:
                if not position:
                    listed = msgspec.json.decode(await self._client.get(path))
                    for body in listed["items"]:
                        self._listener.listed(kind.kind, msgspec.Raw(msgspec.json.encode(body)))
                    position = listed["metadata"]["resourceVersion"]
                splitter = LineSplitter()
                params = {"resourceVersion": position, "watch": "1"}
                async with self._client.stream(path, params, silence=70.0) as chunks:
                    async for chunk in chunks:
                        events = [msgspec.json.decode(line) for line in splitter.feed(chunk)]
                        self._hand_over(kind.kind, events)
                        position = events[-1]["object"]["metadata"]["resourceVersion"]
            except Gone:
                position = ""
            except KubeError:
                await asyncio.sleep(0.1)

    def _hand_over(self, kind: str, events: list[Any]) -> None:
        last: dict[str, Any] = {}
        for event in events:
            if event["type"] != "BOOKMARK":
                last[event["object"]["metadata"]["uid"]] = event
        in_order = list(last.values())
        assert isinstance(self._client, ModelClient)
        for event in reversed(in_order) if self._client.backwards else in_order:
            if event["type"] == "DELETED":
                self._listener.gone(kind, event["object"])
            elif not self._listener.is_echo(
                kind, msgspec.convert(event["object"]["metadata"], Meta)
            ):
                self._listener.saw(kind, event["object"])


class Unheard(EventRecorder):
    """Events are best effort, and here nobody reads them."""

    def record(self, *args: object, **kwargs: object) -> None:
        pass


@dataclass(eq=False)
class Process(ABC):
    """One process: a loop, a client, and what runs there."""

    name: str
    wire: Wire
    moment: Moment
    loop: VirtualLoop = field(init=False)
    client: ModelClient = field(init=False)

    def __post_init__(self) -> None:
        self.loop = VirtualLoop(lambda: self.moment.seconds)
        self.client = ModelClient(self.wire, self.loop, self.name)
        self.start()

    @abstractmethod
    def start(self) -> None:
        """Make what runs in the process, and run it."""

    def begin(self, work: Coroutine[Any, Any, object]) -> None:
        self.task = self.loop.create_task(work)
        self.loop.run_ready()

    def check(self) -> None:
        """Nothing that runs may have ended by itself."""
        if self.task.done():
            self.task.result()
            raise AssertionError(f"{self.name} has ended")

    def kill(self) -> None:
        """End the process at once. What it has sent may still arrive; it never hears of that."""
        self.client.dead = True
        self.wire.forget(self.client)
        self.loop.take_apart()


SETTINGS = Settings(
    namespace=NAMESPACE, identity="model", work=WorkSettings(workers=3, connections=8)
)
_METRICS = Metrics(lambda: 0.0)


class Operator(Process):
    """A leader, or one that believes so: the model has no Lease."""

    def start(self) -> None:
        self.skew = SettableSkew(self.moment)
        recorder = Unheard(self.client, self.moment)
        world = partial(World, monotonic=self.loop.time)
        deference = partial(Deference, monotonic=self.loop.time)
        with mock.patch.multiple(core_module, Pump=ModelPump, World=world, Deference=deference):
            self.core = Core(
                self.client,
                SETTINGS,
                clock=self.moment,
                skew=self.skew,
                reporter=Reporter(recorder, _METRICS),
            )
        self.begin(self.core.run(asyncio.Event(), on_start=lambda: None))

    def notice_rewind(self) -> None:
        """Learn from the Lease that versions went back."""
        self.loop.call_soon(self.core.start_anew)
        self.loop.run_ready()

    def check(self) -> None:
        super().check()
        assert not self.core.fault, f"{self.name}: {self.core.fault}"


class Gate(Process):
    """What a gate knows and how it judges, without HTTP."""

    def start(self) -> None:
        arrivals = Arrivals(limit=8)
        self.knowledge = Knowledge(told=arrivals.tell)
        self.copies = Copies(
            self.client,
            self.knowledge,
            PublishedLists(),
            namespace=NAMESPACE,
            scope=Scope(),
            monotonic=self.loop.time,
        )
        self.verification = Verification(
            self.knowledge, arrivals, self.moment, VerificationSettings()
        )
        self.begin(self.copies.run())

    def is_active(self, token: str) -> bool:
        """Whether the gate would call the token active right now."""
        issuer = self.knowledge.issuers.get("default")
        if issuer is None:
            return False
        return isinstance(self.verification.judge(issuer, token), Active)
