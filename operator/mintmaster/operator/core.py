"""The working leader: watches, queue, workers and the clockwork between them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from mintmaster.api import kinds
from mintmaster.kube.paths import collection_path
from mintmaster.kube.reflector import Reflector, Selection
from mintmaster.kube.secrets import Secrets
from mintmaster.lifecycle import schedule
from mintmaster.operator.audit import Audit
from mintmaster.operator.deadlines import Deadlines
from mintmaster.operator.gathering import Gatherer
from mintmaster.operator.inbox import Inbox
from mintmaster.operator.issuers import Issuers
from mintmaster.operator.issuing import Delivery, Issuing
from mintmaster.operator.key_store import KeyStore
from mintmaster.operator.pump import Pump
from mintmaster.operator.queue import FairQueue, Priority
from mintmaster.operator.reconciler import Reconciler
from mintmaster.operator.restarts import Restarts
from mintmaster.operator.statuses import Statuses
from mintmaster.operator.stopping import unless_stopped
from mintmaster.operator.sweep import Sweep
from mintmaster.operator.watches import SECRETS_SELECTOR, NamespaceSink, SecretSink
from mintmaster.operator.workers import Workers
from mintmaster.operator.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from mintmaster.kube.client import Client
    from mintmaster.kube.clock import Clock, Skew
    from mintmaster.operator.queue import Key
    from mintmaster.operator.reporting import Reporter
    from mintmaster.operator.settings import Settings

log = logging.getLogger(__name__)


class Core:
    """Everything that works while this process leads."""

    def __init__(
        self, client: Client, settings: Settings, *, clock: Clock, skew: Skew, reporter: Reporter
    ) -> None:
        self._clock = clock
        self.world = World()
        self.queue = FairQueue()
        self.deadlines: Deadlines[Key] = Deadlines(clock, self._due)
        secrets = Secrets(client)
        self._audit = Audit(self.queue, per_second=settings.work.audit_per_second)
        self.issuers = Issuers(
            client=client,
            world=self.world,
            queue=self.queue,
            deadlines=self.deadlines,
            key_store=KeyStore(secrets, settings.namespace),
            clock=clock,
            skew=skew,
            reporter=reporter,
        )
        gatherer = Gatherer(
            client=client,
            secrets=secrets,
            world=self.world,
            issuers=self.issuers,
            clock=clock,
            skew=skew,
        )
        delivery = Delivery(secrets, self.world, self._audit)
        statuses = Statuses(client, self.world)
        self._reconciler = Reconciler(
            world=self.world,
            queue=self.queue,
            audit=self._audit,
            deadlines=self.deadlines,
            gatherer=gatherer,
            issuing=Issuing(
                delivery=delivery, statuses=statuses, gatherer=gatherer, issuers=self.issuers
            ),
            delivery=delivery,
            secrets=secrets,
            statuses=statuses,
            restarts=Restarts(client),
            reporter=reporter,
        )
        self._sweep = Sweep(client, self.world, self.queue, gatherer)
        self._workers = Workers(self.queue, self._work, settings.work, reporter.metrics)
        inbox = Inbox(self.world, self.queue, clock, relisted=self._sweep.request)
        self._pump = Pump(client, inbox)
        self._secret_watch = Reflector(
            client,
            Selection(collection_path("v1", "secrets"), labels=SECRETS_SELECTOR),
            SecretSink(self.world, self.queue, self._audit.suspect),
        )
        self._namespace_watch = Reflector(
            client,
            Selection(collection_path("v1", "namespaces")),
            NamespaceSink(self.world, self.queue, self._sweep.request),
        )

        self._background: list[asyncio.Task[None]] = []

    @property
    def fault(self) -> str:
        """Why the process should be restarted; empty while it works or is still starting."""
        if self._workers.broken:
            return "a worker has ended"
        ended = [task.get_name() for task in self._background if task.done()]
        return f"the task for {ended[0]} has ended" if ended else ""

    @property
    def unready(self) -> str:
        """Why the leader does not serve yet; empty once it does."""
        if not self._pump.running.is_set():
            return "the resources have not been listed yet"
        return self.fault

    async def run(self, stop: asyncio.Event, *, on_start: Callable[[], None]) -> None:
        """Work until `stop` is set; then finish what was begun."""
        self._background = [
            asyncio.create_task(self._secret_watch.run(), name="secrets"),
            asyncio.create_task(self._namespace_watch.run(), name="namespaces"),
            asyncio.create_task(self._sweep.run(), name="sweep"),
            asyncio.create_task(self._audit.run(), name="audit"),
            asyncio.create_task(self.deadlines.run(), name="deadlines"),
        ]
        try:
            if await unless_stopped(self._learn(), stop):
                self._workers.start()
                await self._pump.run(stop, on_start=on_start)
        finally:
            await self._workers.stop()
            self.queue.close()
            ended, self._background = self._background, []
            for task in ended:
                task.cancel()
            await asyncio.gather(*ended, return_exceptions=True)

    def start_anew(self) -> None:
        """The database was restored from a backup: look at everything again, and believe no version from before."""
        self.world.unpin()
        for key in self.world.rewinds.confirm():
            self.queue.put(key, Priority.EDIT)
        self._secret_watch.relist()
        self._namespace_watch.relist()
        self._pump.start_anew()

    async def _learn(self) -> None:
        """Nobody may look at a resource before its Secret, its namespace and its issuer are known."""
        await self._secret_watch.synced.wait()
        await self._namespace_watch.synced.wait()
        await self.issuers.load_all()

    async def _work(self, key: Key, priority: Priority) -> None:
        if key.kind == kinds.TOKEN_ISSUER.kind:
            await self.issuers.reconcile(key)
            return
        # A mere re-list must not read every Secret at once: that is left to the audit.
        closely = key in self._audit and priority is not Priority.RESYNC
        await self._reconciler.reconcile(key, content_suspect=closely)
        if priority is Priority.RESYNC:
            self._audit.again(key)

    def _due(self, key: Key) -> None:
        """A moment has come. A renewal still waiting at half of its window becomes urgent."""
        resource = self.world.resource(key) if key.kind != kinds.TOKEN_ISSUER.kind else None
        late_at = schedule.late_at(resource.status) if resource is not None else None
        if late_at is not None and self._clock.now() >= late_at:
            self.queue.put(key, Priority.LATE_RENEWAL)
            return
        self.queue.put(key, Priority.RENEWAL)
        self.deadlines.set(key, late_at)
