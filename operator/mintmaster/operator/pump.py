"""kopf as the pump: it lists and watches our resources, and every event becomes a key in the queue, no more.

What is switched off, and why: storages, finalizers, indexes, daemons, timers and Events of kopf each cost a write
or memory per object; its peering is no lock; its retries give up. See docs/design.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import kopf
from kopf._core.reactor.inventory import ResourceMemories

from mintmaster.api import kinds, names
from mintmaster.kube.backoff import Backoff
from mintmaster.operator.tap import Reader, tapped

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from kopf._core.engines.peering import Identity
    from kopf._core.reactor.inventory import ResourceMemory

    from mintmaster.kube.client import Client
    from mintmaster.kube.scope import Scope

log = logging.getLogger(__name__)

PAGE_SIZE = 500
"""Objects per page of a list: a list of 100,000 in one piece takes 0.6 GB to parse."""

_IDENTITY: Final = cast("Identity", "mintmaster")
"""Who we are to kopf's peers; there are none. Unsaid, kopf asks for the user's name, which a pod need not have."""

IDLE_TIMEOUT = 0.1
"""Seconds that kopf keeps a worker after an object's last event: its default of 5 s costs 7 KB per object."""

TRANSPORT_CAP = 10.0
"""Seconds between kopf's tries to reach the API server at the most; it never gives up."""


_KOPF = Path(kopf.__file__).parent
"""Where the code of kopf lies."""


class Listener(Reader, Protocol):
    """Who is told of the resources."""

    def saw(self, kind: str, body: Mapping[str, Any]) -> None:
        """A resource stands so."""
        ...

    def gone(self, kind: str, body: Mapping[str, Any]) -> None:
        """A resource was deleted."""
        ...


class _NoProgress(kopf.ProgressStorage):
    """Keeps nothing: there are no handlers whose progress could matter."""

    def fetch(self, **_: object) -> None:
        return None

    def store(self, **_: object) -> None:
        return None

    def purge(self, **_: object) -> None:
        return None

    def touch(self, **_: object) -> None:
        return None

    def clear(self, *, essence: Any) -> Any:
        return essence


class _NoDiffBase(kopf.DiffBaseStorage):
    """Keeps nothing: what changed does not matter, only what is."""

    def build(self, **_: object) -> Any:
        return {}

    def fetch(self, **_: object) -> None:
        return None

    def store(self, **_: object) -> None:
        return None


class _NoMemories(ResourceMemories):
    """Keeps nothing, where kopf keeps 0.8 KB of each resource that ever had an event. There are no handlers whose
    retries, daemons or resumption it could be about; kopf exports no name for it.
    """

    async def recall(self, raw_body: Any, **about: Any) -> ResourceMemory:
        return await super().recall(raw_body, **about | {"ephemeral": True})


class Pump:
    """Runs kopf on the operator's own session, and runs it again should it end."""

    def __init__(self, client: Client, scope: Scope, listener: Listener) -> None:
        self._client = client
        self._scope = scope
        self._listener = listener
        self._anew = asyncio.Event()
        self.running = asyncio.Event()
        """Set once kopf has started to list; cleared while it is being started again."""

    async def run(self, stop: asyncio.Event, *, on_start: Callable[[], None]) -> None:
        """Pump until `stop` is set. Some answers of an API server make kopf end itself: it is started anew.

        `on_start` is called at every start, after kopf has taken the process's signals.
        """
        delays = iter(Backoff())
        while not stop.is_set():
            try:
                tasks = await kopf.spawn_tasks(
                    registry=self._registry(),
                    settings=_settings(),
                    memories=_NoMemories(),
                    clusterwide=self._scope.namespaces is None,
                    namespaces=self._scope.namespaces or (),
                    standalone=True,
                    identity=_IDENTITY,
                    stop_flag=stop,
                )
                # Not in a startup handler: that runs before kopf takes the signals.
                on_start()
                await _until_one_ends([*tasks, asyncio.create_task(self._asked_anew())])
            except Exception as error:  # noqa: BLE001 - whatever ends kopf must not end the operator
                log.warning("the watch on resources ended and is started again: %r", error)
            self.running.clear()
            if not stop.is_set():
                await asyncio.sleep(next(delays))

    def start_anew(self) -> None:
        """List everything again, and watch from there."""
        self._anew.set()

    async def _asked_anew(self) -> None:
        await self._anew.wait()
        self._anew.clear()

    def _registry(self) -> kopf.OperatorRegistry:
        async def started(**_: object) -> None:
            self.running.set()

        registry = kopf.OperatorRegistry()
        kopf.on.startup(registry=registry)(started)
        kopf.on.login(registry=registry)(self._login)
        for kind in kinds.ALL_KINDS:
            handler = _handler(self._listener, kind.kind)
            kopf.on.event(names.GROUP, names.VERSION, kind.plural, registry=registry)(handler)
        return registry

    async def _login(self, **_: object) -> kopf.AiohttpSession:
        """Share the connections: one pool, one way to authenticate."""
        session = self._client.borrowed_session(tapped(self._listener))
        return kopf.AiohttpSession(server=self._client.server, aiohttp_session=session)


async def _until_one_ends(tasks: Collection[asyncio.Task[object]]) -> None:
    """Run the root tasks of kopf until one of them ends, and end the others with it.

    `kopf.run_tasks` would then wait 5 s for, and cancel, every task of this process that was made since kopf
    started: those that answer a scrape, for instance. The root tasks end all that is kopf's, but for the requests
    of a discovery that was interrupted.
    """
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        await _end_leftovers()
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


async def _end_leftovers() -> None:
    """End the tasks that kopf forgot, before the session that they use is closed."""
    leftovers = [task for task in asyncio.all_tasks() if _runs_code_of_kopf(task)]
    for task in leftovers:
        task.cancel()
    await asyncio.gather(*leftovers, return_exceptions=True)


def _runs_code_of_kopf(task: asyncio.Task[object]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and Path(code.co_filename).is_relative_to(_KOPF)


def _handler(listener: Listener, kind: str) -> Callable[..., Any]:
    async def on_event(event: Mapping[str, Any], **_: object) -> None:
        body = event["object"]
        if event["type"] == "DELETED":
            listener.gone(kind, body)
        else:
            listener.saw(kind, body)

    return on_event


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.persistence.progress_storage = _NoProgress()
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.posting.enabled = False
    settings.posting.level = logging.CRITICAL
    settings.scanning.disabled = True
    settings.queueing.worker_limit = None
    settings.queueing.idle_timeout = IDLE_TIMEOUT
    settings.queueing.error_delays = (1, 2, 5)
    settings.watching.chunk_size = PAGE_SIZE
    settings.networking.error_backoffs = Backoff(cap=TRANSPORT_CAP)
    settings.process.ultimate_exiting_timeout = None
    return settings
