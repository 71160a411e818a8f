"""The steady load: people and pipelines that create, edit, rotate, revoke and delete resources."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaos import objects, reading
from chaos.api import OURS, PLURALS, Unanswered, path_of
from chaos.record import Wish

if TYPE_CHECKING:
    from chaos.api import Api
    from chaos.record import Object, Record
    from chaos.watching import Observer

SLOTS_PER_KIND = {"RunnerRegistration": 6, "UserAccessToken": 6, "ClientApplication": 3}
"""Names per namespace."""

PAUSE = 0.25
"""Seconds between two wishes, about."""

_DEEDS = {"edit": 8, "rotate": 4, "revoke": 1, "delete": 2.5}
_PROPAGATIONS = ("Background", "Background", "Foreground", "Orphan")


@dataclass(frozen=True)
class Slot:
    """A name that is used again and again."""

    kind: str
    namespace: str
    name: str

    @property
    def collection(self) -> str:
        return f"{OURS}/namespaces/{self.namespace}/{PLURALS[self.kind]}"


SLOTS = tuple(
    Slot(kind, namespace, f"{kind[:4].lower()}-{number}")
    for namespace in objects.NAMESPACES
    for kind, slots in SLOTS_PER_KIND.items()
    for number in range(slots)
)
NAMES = frozenset(slot.name for slot in SLOTS)


class Load:
    """Wishes, one after the other; what becomes of each request is written down."""

    def __init__(self, api: Api, record: Record, observer: Observer) -> None:
        self._api = api
        self._record = record
        self._observer = observer
        self._rng = random.Random(f"load {record.seed}")
        self.wished = 0

    async def fill(self) -> None:
        """Create a resource for each name, so that there is something to break."""
        for slot in SLOTS[::2]:
            await self._create(slot)

    async def run(self) -> None:
        """Wish until cancelled."""
        while True:
            await asyncio.sleep(self._rng.uniform(0.2, 1.8) * PAUSE)
            slot = self._rng.choice(SLOTS)
            deed = self._rng.choices(list(_DEEDS), weights=list(_DEEDS.values()))[0]
            found = self._find(slot)
            if found is None:
                await self._create(slot)
            elif not reading.is_gone(found):
                if reading.is_revoked(found):
                    deed = "delete"
                await getattr(self, f"_{deed}")(found)

    def _find(self, slot: Slot) -> Object | None:
        named = (slot.kind, slot.namespace, slot.name)
        for item in self._observer.resources.values():
            if (item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]) == named:
                return item
        return None

    async def _create(self, slot: Slot) -> None:
        body = objects.drawn(self._rng, slot.kind, slot.namespace, slot.name)
        self.wished += 1
        try:
            await self._api.ask("POST", slot.collection, body)
        except Unanswered:
            return

    async def _edit(self, found: Object) -> None:
        change, issues = objects.drawn_edit(self._rng, reading.schedule_field(found))
        await self.patch(found, {"spec": change}, "edit", issues)

    async def _rotate(self, found: Object) -> None:
        change = {"annotations": {f"{reading.GROUP}/rotate": f"{self._rng.random()}"}}
        await self.patch(found, {"metadata": change}, "rotate", 1)

    async def _revoke(self, found: Object) -> None:
        await self.patch(found, {"spec": {"revoked": True}}, "revoke", 0)

    async def _delete(self, found: Object) -> None:
        await self.delete(found, self._rng.choice(_PROPAGATIONS))

    async def patch(
        self, found: Object, change: Object, what: str, issues: int, subresource: str = ""
    ) -> None:
        """Change a resource, in this life of it only."""
        guard = {"uid": found["metadata"]["uid"]}
        body = {**change, "metadata": {**change.get("metadata", {}), **guard}}
        began = time.monotonic()
        try:
            reply = await self._api.merge(path_of(found, subresource), body)
            refused = reply.refused
        except Unanswered:
            refused = False
        self.note(found, what, issues, refused=refused, at=began)

    async def delete(self, found: Object, propagation: str) -> None:
        """Delete this life of a resource."""
        body = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": propagation,
            "preconditions": {"uid": found["metadata"]["uid"]},
        }
        began = time.monotonic()
        try:
            reply = await self._api.ask("DELETE", path_of(found), body)
            refused = reply.refused
        except Unanswered:
            refused = False
        self.note(found, f"delete {propagation}", 0, refused=refused, at=began)

    def note(
        self, found: Object, what: str, issues: int, *, refused: bool = False, at: float = 0.0
    ) -> None:
        """Write down what was asked for."""
        self.wished += 1
        uid = found["metadata"]["uid"]
        at = at or time.monotonic()
        self._record.wishes.append(Wish(at, uid, what, issues, refused=refused))
