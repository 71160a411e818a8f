"""Asking once for what many want to know at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """Questions under way. Whoever has a question that is under way already gets the same answer, or exception."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[T]] = {}

    async def join(self, question: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """Have it asked, or wait for who does; it goes on for the others if one of them is cancelled."""
        task = self._under_way.get(question)
        if task is None:
            task = asyncio.ensure_future(_asked(ask))
            self._under_way[question] = task
            task.add_done_callback(lambda done: self._landed(question, done))
        return await asyncio.shield(task)

    async def end(self) -> None:
        """Cancel all."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _landed(self, question: Hashable, task: "asyncio.Task[T]") -> None:
        self._under_way.pop(question, None)
        if not task.cancelled():
            task.exception()  # counts as seen, even if everybody who asked has been cancelled


async def _asked(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()
