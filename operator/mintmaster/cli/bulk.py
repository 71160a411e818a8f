"""Work on thousands of resources: several at a time, with progress on terminals, and a word on how far it came."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from mintmaster.cli.exits import Failure
from mintmaster.kube.errors import KubeError, TooManyRequests

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

T = TypeVar("T")
R = TypeVar("R")

AT_A_TIME: Final = 24
"""Requests that are under way at a time: an API server is busy with as many, and others get their turn."""

_REFUSALS: Final = 10
"""How often a request is repeated that the API server had no room for (429)."""


async def each(
    items: Sequence[T],
    work: Callable[[T], Awaitable[object]],
    *,
    progress: Progress,
    doing: str,
    things: str,
) -> None:
    """Work off all items. Failure that says how many are done when one goes wrong; an interruption says so, too."""
    task = progress.add_task(doing, total=len(items))
    left, done = iter(items), 0

    async def worker() -> None:
        nonlocal done
        for item in left:
            await work(item)
            done += 1
            progress.advance(task)

    def told() -> str:
        return f"{done} of {len(items)} {things} are done: run it again to go on"

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_A_TIME, len(items))):
                group.create_task(worker())
    except asyncio.CancelledError:
        progress.console.quiet = False
        progress.console.print(f"interrupted; {told()}", highlight=False)
        raise
    except ExceptionGroup as errors:
        # Not `except*`, which would wrap the Failure in a group of its own.
        known = errors.subgroup(KubeError)
        if known is None:
            raise
        raise Failure(f"{_first(known)}\n{told()}") from errors


async def patiently(request: Callable[[], Awaitable[R]]) -> R:
    """Send a request, again where the API server had no room for it: then it has not been carried out."""
    for _ in range(_REFUSALS):
        try:
            return await request()
        except TooManyRequests as error:
            await asyncio.sleep(error.retry_after or 1.0)
    return await request()


@contextmanager
def shown() -> Iterator[Progress]:
    """Show progress on a terminal for the length of the block; nothing is written elsewhere."""
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, disable=not console.is_terminal, transient=True
    ) as progress:
        yield progress


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """One of them by itself: what a person can do something about."""
    found: BaseException = errors
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
