"""Waiting for what is about to happen; a shared machine may be slow."""

import time
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds after which what a test waits for counts as never coming."""


def until(happened: Callable[[], bool], what: str) -> None:
    """Wait until it has happened."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE:.0f} s"
        time.sleep(0.05)
