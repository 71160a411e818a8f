"""The Leases of an operator that runs as several shards: one each, and no leaders of two different counts at a time.

How many shards there are stands in an annotation of the first shard's Lease, and whoever holds that Lease may change
it. The leaders of the other shards lead only while it says their count, and look whenever they renew. A new first
shard that finds another count says that the count is changing, and waits until whoever led by the old one has given
up, which is a Lease's duration at most; then it says the new count, and the others may lead. So a namespace that
changes hands is never in two.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec

from mintmaster.api.names import GROUP
from mintmaster.kube.errors import KubeError, NotFound
from mintmaster.kube.lease import Elector, Lease
from mintmaster.kube.paths import object_path

if TYPE_CHECKING:
    from mintmaster.kube.client import Client
    from mintmaster.kube.lease import Candidacy, LeaseSpec
    from mintmaster.lifecycle.shard import Shard

__all__ = ["ANNOTATION_SHARDS", "FirstShardElector", "OtherShardElector", "lease_name"]

log = logging.getLogger(__name__)

ANNOTATION_SHARDS = f"{GROUP}/shards"
"""On the first shard's Lease: how many shards there are, or that this is changing; without it there is one."""

_CHANGING = "changing-to-"


def lease_name(first: str, number: int) -> str:
    """The name of a shard's Lease; it does not tell the count, so that two of one number never lead at once."""
    return first if number == 1 else f"{first}-{number}"


def recorded_count(lease: Lease | None) -> int | None:
    """How many shards the first shard's Lease says there are; None while that changes, or of a Lease that is gone."""
    if lease is None:
        return None
    annotations = lease.metadata.get("annotations")
    said = annotations.get(ANNOTATION_SHARDS, "1") if isinstance(annotations, dict) else "1"
    return int(said) if said.isascii() and said.isdigit() else None


class FirstShardElector(Elector):
    """A candidate for the Lease that says how many shards there are."""

    def __init__(
        self, client: Client, candidacy: Candidacy, shard: Shard, **options: object
    ) -> None:
        super().__init__(client, candidacy, **options)  # type: ignore[arg-type] # passed on as they are
        self._count = shard.count
        self._said = ""

    async def attempt(self) -> bool:
        """Become the leader if nobody is, and have the others lead by our count, too."""
        if not await super().attempt():
            return False
        return not self._said.startswith(_CHANGING) or await self._change()

    async def _change(self) -> bool:
        """Wait until nobody leads by another count; whether we are still the leader then."""
        duration = self._candidacy.lease_duration
        log.warning(
            "the operator changes to %d shards: waiting %d s for the leaders of before to end",
            self._count,
            duration,
        )
        until = self._elapsed() + duration
        while self.still_leading():
            if self._elapsed() >= until:
                self._said = str(self._count)
            await self._renew()
            if recorded_count(self._lease) == self._count:
                return True
            await asyncio.sleep(self._candidacy.retry_period)
        self.is_leader = False
        return False

    def _claimed(self) -> LeaseSpec:
        """Also decide what to say: a Lease that was not there may have been deleted under leaders of any count."""
        unheard_of = self._lease is None and self._count == 1
        settled = unheard_of or recorded_count(self._lease) == self._count
        self._said = str(self._count) if settled else f"{_CHANGING}{self._count}"
        return super()._claimed()

    def _metadata(self) -> dict[str, object]:
        metadata = super()._metadata()
        present = metadata.get("annotations")
        annotations = dict(present) if isinstance(present, dict) else {}
        if annotations.get(ANNOTATION_SHARDS, "1") == self._said:
            return metadata
        return {**metadata, "annotations": {**annotations, ANNOTATION_SHARDS: self._said}}


class OtherShardElector(Elector):
    """A candidate for another shard's Lease, who leads only while the first shard's says the same count."""

    def __init__(
        self, client: Client, candidacy: Candidacy, shard: Shard, *, first: str, **options: object
    ) -> None:
        """`first` is the name of the first shard's Lease."""
        super().__init__(client, candidacy, **options)  # type: ignore[arg-type] # passed on as they are
        self._shard = shard
        self._first = object_path("coordination.k8s.io/v1", "leases", candidacy.namespace, first)
        self._confirmed_at = float("-inf")
        self._told = ""

    async def attempt(self) -> bool:
        """Become the leader if nobody is and the count is ours."""
        try:
            if not await self._is_confirmed():
                return False
        except KubeError as error:
            log.info("not leading: %s", error)
            return False
        return await super().attempt()

    async def _renew(self) -> None:
        if not self.still_leading():
            return
        try:
            if not await self._is_confirmed():
                return
        except KubeError as error:
            log.warning("the count of shards could not be read: %s", error)
            return
        await super()._renew()

    async def _is_confirmed(self) -> bool:
        """Ask whether the first shard's Lease says our count; another count ends our time at once."""
        sent_at = self._elapsed()
        try:
            body = await self._client.request("GET", self._first, timeout=self._call_timeout())
        except NotFound:
            self._tell("no first shard has led yet")
            return False
        count = recorded_count(msgspec.json.decode(body, type=Lease))
        if count == self._shard.count:
            self._confirmed_at = sent_at
            return True
        self._confirmed_at = float("-inf")
        if count is None:
            self._tell("the number of shards is changing")
        else:
            said = f"{count} shards" if count > 1 else "a single shard"
            when = f"that changes when shard 1/{self._shard.count} leads"
            self._tell(f"the operator runs as {said}; {when}")
        return False

    def _tell(self, why: str) -> None:
        """Log why we do not lead, when that changes."""
        if why != self._told:
            self._told = why
            log.warning("shard %s does not lead: %s", self._shard, why)

    def _remaining(self) -> float:
        confirmed = self._confirmed_at + self._candidacy.renew_deadline - self._elapsed()
        return min(super()._remaining(), confirmed)
