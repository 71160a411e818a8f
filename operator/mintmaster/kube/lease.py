"""Leader election by a Lease (coordination.k8s.io/v1), by the rules of client-go.

Nobody's clock is believed but one's own: a Lease counts as expired when it has not changed for its
duration since *we* saw it change. A leader counts its own time from before it sent a renewal, so
it gives up (`renew_deadline`) earlier than anybody else can take over (`lease_duration`).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from mintmaster.kube.backoff import Backoff
from mintmaster.kube.clock import SystemClock, elapsed_seconds
from mintmaster.kube.errors import Conflict, KubeError, NotFound
from mintmaster.kube.paths import collection_path, object_path
from mintmaster.kube.versions import is_older

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from mintmaster.kube.client import Client
    from mintmaster.kube.clock import Clock

__all__ = ["Candidacy", "Elector", "Lease", "LeaseSpec", "acquired", "unique_identity"]

log = logging.getLogger(__name__)

_API = "coordination.k8s.io/v1"


def unique_identity() -> str:
    """Return a name for this process that no other process has or will have."""
    return f"{socket.gethostname()}_{uuid.uuid4()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidacy:
    """Which Lease, who we are, and the times, in seconds."""

    namespace: str
    name: str
    identity: str = field(default_factory=unique_identity)
    lease_duration: int = 15
    """How long others wait after our last renewal. A crashed leader is missed this long."""
    renew_deadline: float = 10.0
    """How long we go on without a renewal; what is left to `lease_duration` is for writes that
    are under way."""
    retry_period: float = 2.0
    """Between renewals, and between attempts to become the leader."""

    def __post_init__(self) -> None:
        if not self.lease_duration > self.renew_deadline > self.retry_period > 0:
            raise ValueError("a Lease needs lease_duration > renew_deadline > retry_period > 0")


class LeaseSpec(msgspec.Struct, rename="camel"):
    """What a Lease says."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class Lease(msgspec.Struct, rename="camel"):
    """A Lease as the API server has it."""

    metadata: dict[str, object]  # as found: labels and annotations of others stay
    spec: LeaseSpec
    api_version: str = _API
    kind: str = "Lease"


async def acquired(electors: Sequence[Elector], pause: float) -> Elector:
    """Wait until one of them leads, with so many seconds between attempts; returns that one.

    One that was about to lead when this is cancelled gives its Lease away.
    """
    try:
        for delay in Backoff(first=pause, cap=pause):
            for elector in electors:
                if await elector.attempt():
                    return elector
            await asyncio.sleep(delay)
    except asyncio.CancelledError:
        for elector in electors:
            await elector.release()
        raise
    raise AssertionError("the back-off is endless")


class Elector:
    """One candidate for a Lease.

    `on_lost` is called once when leadership is lost, by whatever way but `release`. Others may
    lead a few seconds later, so it has to end the process at once (`os._exit`); no cleanup.

    `on_rewind` is called when the Lease was seen at an older version than before: the database was
    restored from a backup. A watch from before then stays silent until versions have caught up.
    """

    def __init__(  # noqa: PLR0913 - what it needs, and whom it tells
        self,
        client: Client,
        candidacy: Candidacy,
        *,
        on_lost: Callable[[], None],
        on_rewind: Callable[[], None] = lambda: None,
        clock: Clock | None = None,
        elapsed: Callable[[], float] = elapsed_seconds,
    ) -> None:
        self._client = client
        self._candidacy = candidacy
        self._on_lost = on_lost
        self._on_rewind = on_rewind
        self._clock = clock or SystemClock()
        self._elapsed = elapsed
        self._collection = collection_path(_API, "leases", candidacy.namespace)
        self._path = object_path(_API, "leases", candidacy.namespace, candidacy.name)
        self._lease: Lease | None = None
        self._version = ""
        self._seen_at = float("-inf")
        self._renewed_at = float("-inf")
        self.is_leader = False

    @property
    def term(self) -> int:
        """How often the Lease has changed hands since it was created."""
        return (self._lease.spec.lease_transitions or 0) if self._lease else 0

    def still_leading(self) -> bool:
        """Whether we may write now. Ask right before each write: a process that was paused learns
        here, before anything else, that its time may have passed.
        """
        return self.is_leader and self._remaining() > 0

    @asynccontextmanager
    async def leading(self) -> AsyncIterator[None]:
        """Wait to be the leader; stay it for the length of the block; then let the next one in."""
        await self.acquire()
        holding = asyncio.create_task(self.hold(), name="hold the lease")
        try:
            yield
        finally:
            holding.cancel()
            await asyncio.wait({holding})
            await self.release()
            if not holding.cancelled():
                holding.result()  # a fault in there must not stay unseen

    async def acquire(self) -> None:
        """Wait until we are the leader; errors of the API server only prolong the wait."""
        await acquired([self], self._candidacy.retry_period)

    async def hold(self) -> None:
        """Renew until cancelled; calls `on_lost` and returns when leadership is lost."""
        try:
            while self.still_leading():
                await asyncio.sleep(min(self._candidacy.retry_period, self._remaining()))
                await self._renew()
        except asyncio.CancelledError:
            raise
        except BaseException:
            self._lose()
            raise
        self._lose()

    async def release(self) -> None:
        """Give the Lease away, once nothing more will be written. Best effort: it would expire."""
        if not self.is_leader:
            return
        self.is_leader = False
        try:
            await self._update(self._released)
        except KubeError as error:
            log.warning("the Lease could not be released, others will wait for it: %s", error)

    async def attempt(self) -> bool:
        """Become the leader if nobody is; errors of the API server mean no."""
        try:
            await self._look()
            if self._is_taken():
                return False
            await self._write(self._claimed())
        except KubeError as error:
            log.info("not leading: %s", error)
            return False
        self.is_leader = True
        log.info(
            "leading by Lease %s as %s, term %d",
            self._candidacy.name,
            self._candidacy.identity,
            self.term,
        )
        return True

    async def _renew(self) -> None:
        if not self.still_leading():
            return
        try:
            await self._update(self._renewed)
        except KubeError as error:
            log.warning(
                "the Lease could not be renewed, %.1f s are left: %s", self._remaining(), error
            )

    async def _update(self, spec: Callable[[], LeaseSpec]) -> None:
        """Write a spec if the Lease is ours, even if its version is not the one we know.

        That happens when the answer to our last write was lost, or when somebody edited a label.
        """
        try:
            await self._write(spec())
        except (Conflict, NotFound):
            await self._look()
            if self._is_ours():
                await self._write(spec())
            else:
                self._renewed_at = float("-inf")

    async def _look(self) -> None:
        try:
            body = await self._client.request("GET", self._path, timeout=self._call_timeout())
        except NotFound:
            self._lease = None
        else:
            self._note(body)

    async def _write(self, spec: LeaseSpec) -> None:
        """Create or replace the Lease, guarded by the version that we know."""
        sent_at = self._elapsed()
        lease = Lease(metadata=self._metadata(), spec=spec)
        method, path = ("PUT", self._path) if self._lease else ("POST", self._collection)
        body = msgspec.json.encode(lease)
        timeout = self._call_timeout()
        self._note(await self._client.request(method, path, body=body, timeout=timeout))
        self._renewed_at = sent_at

    def _metadata(self) -> dict[str, object]:
        """What to write as metadata: what others wrote there stays."""
        if self._lease is not None:
            return self._lease.metadata
        return {"namespace": self._candidacy.namespace, "name": self._candidacy.name}

    def _note(self, body: bytes) -> None:
        seen = msgspec.json.decode(body, type=Lease)
        if self._lease is None or seen.metadata != self._lease.metadata:
            self._seen_at = self._elapsed()
        self._lease = seen
        before, self._version = self._version, str(seen.metadata.get("resourceVersion", ""))
        if is_older(self._version, before):
            log.warning("the database of the API server went back in time")
            self._on_rewind()

    def _is_taken(self) -> bool:
        """Whether the Lease is somebody's who may still be alive.

        A Lease with our own identity that we do not hold counts too: if two processes were given
        the same identity, only one leads.
        """
        spec = self._lease.spec if self._lease else LeaseSpec()
        if not spec.holder_identity:
            return False
        duration = spec.lease_duration_seconds or self._candidacy.lease_duration
        return self._elapsed() < self._seen_at + duration

    def _is_ours(self) -> bool:
        return self._lease is None or (self._lease.spec.holder_identity == self._candidacy.identity)

    def _claimed(self) -> LeaseSpec:
        now = self._now()
        return LeaseSpec(
            holder_identity=self._candidacy.identity,
            lease_duration_seconds=self._candidacy.lease_duration,
            acquire_time=now,
            renew_time=now,
            lease_transitions=self.term + 1 if self._lease else 0,
        )

    def _renewed(self) -> LeaseSpec:
        spec = self._lease.spec if self._lease else self._claimed()
        return msgspec.structs.replace(spec, renew_time=self._now())

    def _released(self) -> LeaseSpec:
        return msgspec.structs.replace(
            self._renewed(), holder_identity="", lease_duration_seconds=1
        )

    def _lose(self) -> None:
        self.is_leader = False
        log.critical("leadership is lost")
        self._on_lost()

    def _remaining(self) -> float:
        return self._renewed_at + self._candidacy.renew_deadline - self._elapsed()

    def _call_timeout(self) -> float:
        """Half the deadline, so that there is time for a second attempt; less if less is left."""
        half = self._candidacy.renew_deadline / 2
        return max(min(half, self._remaining()), 0.001) if self.is_leader else half

    def _now(self) -> str:
        """Return the time as a MicroTime, for people to read; its digits are not optional."""
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
