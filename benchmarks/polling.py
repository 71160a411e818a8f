"""Waiting for what nobody announces."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PAUSE = 0.1
"""Seconds between two looks."""


async def until(holds: Callable[[], Awaitable[bool]], *, within: float = 300) -> None:
    """Wait until something holds; TimeoutError after so many seconds."""
    async with asyncio.timeout(within):
        while not await holds():  # noqa: ASYNC110 - other processes set no events
            await asyncio.sleep(PAUSE)
