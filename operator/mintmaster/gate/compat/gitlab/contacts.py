"""Which runners have called lately, and from which machines: what this gate has seen since it started.

Kept in memory and bounded. It is for people who look; nothing is decided by it but whether a machine can be taken off.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

ONLINE = timedelta(hours=2)
STALE = timedelta(days=7)

_MOST_RUNNERS = 20_000
_MOST_MANAGERS = 50
"""Machines that are remembered of one runner."""

_INFO = ("version", "revision", "platform", "architecture")
_LONGEST_INFO = 128


@dataclass(slots=True)
class Manager:
    """One machine that has shown a runner's token."""

    number: int
    created_at: datetime
    contacted_at: datetime | None = None
    info: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Contact:
    """All machines of one runner, by what they call themselves (`system_id`)."""

    managers: OrderedDict[str, Manager] = field(default_factory=OrderedDict)

    @property
    def latest(self) -> Manager | None:
        """The machine that called last."""
        called = [it for it in self.managers.values() if it.contacted_at is not None]
        return max(called, key=lambda it: it.contacted_at or it.created_at, default=None)

    @property
    def contacted_at(self) -> datetime | None:
        """When one of the machines last asked for jobs."""
        return self.latest.contacted_at if self.latest is not None else None


class Contacts:
    """The runners that have called, by UID."""

    def __init__(self) -> None:
        self._contacts: OrderedDict[str, Contact] = OrderedDict()
        self._managers = 0

    def of(self, uid: str) -> Contact:
        """What is known of a runner."""
        return self._contacts.get(uid, Contact())

    def saw(
        self, uid: str, system_id: str, info: object, now: datetime, *, asked_for_jobs: bool
    ) -> None:
        """Note that a machine showed the token of a runner; only asking for jobs makes the runner online."""
        contact = self._contacts.setdefault(uid, Contact())
        self._contacts.move_to_end(uid)
        manager = contact.managers.get(system_id)
        if manager is None:
            self._managers += 1
            manager = contact.managers[system_id] = Manager(self._managers, now)
        if asked_for_jobs:
            manager.contacted_at = now
        manager.info = dict(manager.info) | _described(info)
        if len(contact.managers) > _MOST_MANAGERS:
            contact.managers.popitem(last=False)
        if len(self._contacts) > _MOST_RUNNERS:
            self._contacts.popitem(last=False)

    def forget(self, uid: str, system_id: str) -> bool:
        """Take a machine off a runner. False where others were seen, but not that one: it was never there.

        A gate that has seen none knows nothing: the machine may have called another replica.
        """
        contact = self._contacts.get(uid)
        if contact is None or not contact.managers:
            return True
        return contact.managers.pop(system_id, None) is not None


def status(contacted_at: datetime | None, now: datetime) -> str:
    """How GitLab calls a runner that last called then."""
    if contacted_at is None:
        return "never_contacted"
    if now - contacted_at < ONLINE:
        return "online"
    return "stale" if now - contacted_at >= STALE else "offline"


def _described(info: object) -> dict[str, str]:
    if not isinstance(info, dict):
        return {}
    texts = ((name, info.get(name)) for name in _INFO)
    return {name: text[:_LONGEST_INFO] for name, text in texts if isinstance(text, str)}
