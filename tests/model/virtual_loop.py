"""An event loop without input and output, whose time is set: tasks go on when, and only when, a test lets them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class _NoSelector:
    """Nothing ever arrives from outside."""

    def select(self, timeout: float | None) -> list[Any]:  # noqa: ARG002 - the signature of a selector
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """One process's loop. Each process of a model has its own, so that one can be killed and the others not noticed."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        super().__init__()
        self._seconds = seconds
        self._selector = _NoSelector()
        self.ahead = 0.0
        """How far a process that is being taken apart has run ahead of the others."""

    def time(self) -> float:
        return self._seconds() + self.ahead

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    @property
    def next_timer(self) -> float | None:
        """When the next timer fires, unless something else happens before."""
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        return min((it.when() for it in timers if not it.cancelled()), default=None)

    def run_ready(self) -> None:
        """Run what can run at this time, until everybody waits."""
        while self._can_run():
            self.stop()
            self.run_forever()  # stopped beforehand: one round

    def _can_run(self) -> bool:
        if self._ready:  # type: ignore[attr-defined]
            return True
        timer = self.next_timer
        return timer is not None and timer <= self.time()

    def take_apart(self) -> None:
        """End all tasks, however long their ends take, and close."""
        while tasks := asyncio.all_tasks(self):
            for task in tasks:
                task.cancel()
            self.run_ready()
            self.ahead += 1.0
        self.close()
