"""The working leader: watches, queue, workers and the clockwork between them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from mintmaster.api import kinds
from mintmaster.kube.paths import collection_path, object_path
from mintmaster.kube.poll import Poll
from mintmaster.kube.reflector import Reflector, Selection
from mintmaster.kube.secrets import Secrets
from mintmaster.lifecycle import schedule
from mintmaster.lifecycle.shard import ALONE
from mintmaster.operator.audit import Audit
from mintmaster.operator.deadlines import Deadlines
from mintmaster.operator.deference import Deference
from mintmaster.operator.gathering import Gatherer
from mintmaster.operator.holdback import Holdback
from mintmaster.operator.inbox import Inbox
from mintmaster.operator.issuers import Issuers
from mintmaster.operator.issuing import Delivery, Issuing
from mintmaster.operator.key_store import KeyStore
from mintmaster.operator.newcomers import Barrier, is_newcomer
from mintmaster.operator.pump import Pump
from mintmaster.operator.queue import FairQueue, Priority
from mintmaster.operator.reconciler import Reconciler
from mintmaster.operator.restarts import Restarts
from mintmaster.operator.rounds import Rounds
from mintmaster.operator.status_entries import StatusEntries
from mintmaster.operator.status_lists import StatusListPublisher
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
    from mintmaster.lifecycle.shard import Shard
    from mintmaster.operator.queue import Key
    from mintmaster.operator.reporting import Reporter
    from mintmaster.operator.settings import Settings

log = logging.getLogger(__name__)

_REFUSED_SECONDS = 5.0
"""When to look again at a resource in a namespace that does not show what decides about it."""


class Core:
    """Everything that works while this process leads."""

    def __init__(  # noqa: PLR0913 - what it is made of, once
        self,
        client: Client,
        settings: Settings,
        *,
        clock: Clock,
        skew: Skew,
        reporter: Reporter,
        shard: Shard = ALONE,
    ) -> None:
        self._clock = clock
        self._scope = scope = settings.scope
        self.world = World(shard=shard)
        self.queue = FairQueue(
            {Priority.RENEWAL: settings.work.renewals, Priority.RESYNC: settings.work.checks}
        )
        self.deadlines: Deadlines[Key] = Deadlines(clock, self._due)
        secrets = Secrets(client)
        self._audit = Audit(self.queue, per_second=settings.work.audit_per_second)
        self.issuers = Issuers(
            client=client,
            scope=scope,
            world=self.world,
            queue=self.queue,
            deadlines=self.deadlines,
            key_store=KeyStore(secrets, settings.namespace),
            clock=clock,
            skew=skew,
            reporter=reporter,
            owned=shard.is_first,
        )
        gatherer = Gatherer(
            client=client,
            secrets=secrets,
            world=self.world,
            issuers=self.issuers,
            clock=clock,
            skew=skew,
            by_name=not settings.secrets.watched,
        )
        self._sweep = Sweep(client, scope, self.world, self.queue, gatherer)
        self.status_lists = StatusListPublisher(
            client,
            settings.namespace,
            self.world.status_lists,
            self.issuers,
            settings.status_lists,
            clock=clock,
            skew=skew,
            all_known=self._sweep.until_all_known,
        )
        delivery = Delivery(secrets, self.world, self._audit)
        statuses = Statuses(client, self.world)
        entries = StatusEntries(self.world.status_lists, self.status_lists)
        deference = Deference()
        self._reconciler = Reconciler(
            world=self.world,
            queue=self.queue,
            audit=self._audit,
            deadlines=self.deadlines,
            gatherer=gatherer,
            issuing=Issuing(
                delivery=delivery,
                statuses=statuses,
                gatherer=gatherer,
                issuers=self.issuers,
                entries=entries,
                deference=deference,
                tracing=reporter.tracing,
            ),
            delivery=delivery,
            deference=deference,
            secrets=secrets,
            statuses=statuses,
            restarts=Restarts(client),
            reporter=reporter,
        )
        self._workers = Workers(self.queue, self._work, settings.work, reporter.metrics)
        self._holdback = Holdback(self.queue)
        self._barrier = Barrier(self.queue)
        inbox = Inbox(self.world, self.queue, self._holdback, clock, relisted=self._sweep.request)
        self._pump = Pump(client, scope, inbox)
        self._rounds = Rounds(clock, settings.secrets.interval, self._look_at_secret)
        self._by_name = not settings.secrets.watched
        watched = scope.parts if settings.secrets.watched else ()
        self._copies = {
            **{_named("secrets", part): self._secret_watch(client, part) for part in watched},
            **{_named("namespaces", it): self._namespace_watch(client, it) for it in scope.parts},
        }
        self._issuers_known = asyncio.Event()
        self._background: list[asyncio.Task[None]] = []

    def _secret_watch(self, client: Client, namespace: str | None) -> Reflector:
        return Reflector(
            client,
            Selection(collection_path("v1", "secrets", namespace), labels=SECRETS_SELECTOR),
            SecretSink(self.world, self.queue, self._holdback, self._audit.suspect, namespace),
        )

    def _namespace_watch(self, client: Client, namespace: str | None) -> Reflector | Poll:
        sink = NamespaceSink(self.world, self.queue, self._sweep.request, namespace)
        if namespace is None:
            return Reflector(client, Selection(collection_path("v1", "namespaces")), sink)
        # A Role in a namespace lets it be read by its name, and not be watched.
        return Poll(client, object_path("v1", "namespaces", None, namespace), sink)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to be looked at, and nothing is."""
        return self.queue.is_idle and not len(self._holdback) and not len(self._barrier)

    @property
    def fault(self) -> str:
        """Why the process should be restarted; empty while it works or is still starting."""
        ended = [task.get_name() for task in self._background if task.done()]
        return f"the task for {ended[0]} has ended" if ended else ""

    @property
    def unready(self) -> str:
        """Why the leader does not serve yet; empty once it does."""
        if not self._pump.running.is_set():
            return "the resources have not been listed yet"
        if not self._barrier.is_open:
            return "the Secrets and issuers have not been listed yet"
        return self.fault

    async def run(self, stop: asyncio.Event, *, on_start: Callable[[], None]) -> None:
        """Work until `stop` is set; then finish what was begun."""
        self._background = [
            *(asyncio.create_task(copy.run(), name=name) for name, copy in self._copies.items()),
            asyncio.create_task(self._rounds.run(), name="rounds"),
            asyncio.create_task(self._sweep.run(), name="sweep"),
            asyncio.create_task(self._audit.run(), name="audit"),
            asyncio.create_task(self.deadlines.run(), name="deadlines"),
            asyncio.create_task(self.status_lists.run(), name="status lists"),
            asyncio.create_task(self._work_off(), name="work"),
        ]
        try:
            # An issuer that the pump has seen must not be overwritten by an older list.
            if await unless_stopped(self.issuers.load_all(), stop):
                self._issuers_known.set()
                await self._pump.run(stop, on_start=on_start)
        finally:
            await self._workers.stop()
            self._holdback.close()
            self.queue.close()
            ended, self._background = self._background, []
            for task in ended:
                task.cancel()
            await asyncio.gather(*ended, return_exceptions=True)
            await self.status_lists.close()

    def start_anew(self) -> None:
        """The database was restored from a backup: look at everything again, and believe no version from before."""
        self.world.unpin()
        for key in self.world.rewinds.confirm():
            self.queue.put(key, Priority.EDIT)
        for copy in self._copies.values():
            copy.relist()
        self._rounds.all_at_once()
        self.status_lists.relist()
        self._pump.start_anew()

    async def _work_off(self) -> None:
        """Work off the queue, which the pump fills meanwhile, once enough is known to decide anything.

        Nobody may look at a resource before its namespace and its issuer are known, nor, but for a new one, before its
        Secret is.
        """
        await self._until_known(*(_named("namespaces", part) for part in self._scope.parts))
        await self._issuers_known.wait()
        opening = asyncio.create_task(self._open_barrier(), name="barrier")
        try:
            await self._workers.run()
        finally:
            opening.cancel()

    async def _open_barrier(self) -> None:
        await self._until_known(*self._copies)
        self._barrier.open()

    async def _until_known(self, *names: str) -> None:
        """Wait for copies. Where one of several namespaces refuses to show them, the others do not wait for it."""
        for name in names:
            copy = self._copies[name]
            await (copy.synced if self._scope.namespaces is None else copy.answered).wait()

    async def _work(self, key: Key, priority: Priority) -> None:
        if not self._barrier.is_open and not self._may_pass(key):
            self._barrier.keep(key, priority)
            return
        if self._barrier.is_open and not self._is_open(key.namespace):
            self.queue.put_later(key, priority, _REFUSED_SECONDS)
            return
        if self._by_name:
            self._rounds.include(key)
        if key.kind == kinds.TOKEN_ISSUER.kind:
            await self.issuers.reconcile(key)
        else:
            await self._work_on_token(key, priority)
        self._rounds.done(key)

    def _may_pass(self, key: Key) -> bool:
        """Whether to work on something while not all Secrets are known: on a new resource that can have its token."""
        resource = self.world.resource(key) if key.kind != kinds.TOKEN_ISSUER.kind else None
        if resource is None or not is_newcomer(resource):
            return False
        issuer = self.issuers.view(resource.spec.issuer_ref.name)
        part = key.namespace if self._scope.namespaces is not None else None
        namespace = self._copies[_named("namespaces", part)]
        return issuer is not None and issuer.obstacle is None and namespace.synced.is_set()

    async def _work_on_token(self, key: Key, priority: Priority) -> None:
        # A mere re-list must not read every Secret at once: that is left to the audit.
        suspect = key in self._audit and priority is not Priority.RESYNC
        closely = suspect or self._rounds.is_turn_of(key)
        await self._reconciler.reconcile(key, content_suspect=closely)
        if priority is Priority.RESYNC:
            self._audit.again(key)

    def _is_open(self, namespace: str) -> bool:
        """Whether everything in a namespace is known that decides about a resource."""
        parts = (_named("secrets", namespace), _named("namespaces", namespace))
        copies = (self._copies[part] for part in parts if part in self._copies)
        return all(copy.synced.is_set() for copy in copies)

    def _look_at_secret(self, key: Key) -> bool:
        """Have the Secret of a resource, or of an issuer's keys, read in its turn; whether there is one that counts."""
        if key not in self.world:
            return False
        self.queue.put(key, Priority.AUDIT)
        return True

    def recheck(self) -> None:
        """Look at all moments to come again now: the clock was set."""
        self.deadlines.recheck()
        self._rounds.recheck()

    def _due(self, key: Key) -> None:
        """A moment has come. A renewal still waiting at half of its window becomes urgent."""
        resource = self.world.resource(key) if key.kind != kinds.TOKEN_ISSUER.kind else None
        late_at = schedule.late_at(resource.status) if resource is not None else None
        if late_at is not None and self._clock.now() >= late_at:
            self.queue.put(key, Priority.LATE_RENEWAL)
            return
        self.queue.put(key, Priority.RENEWAL)
        self.deadlines.set(key, late_at)


def _named(what: str, namespace: str | None) -> str:
    """What a task is called in which something is copied."""
    return f"{what} of {namespace}" if namespace else what
