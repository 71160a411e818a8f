"""Waiting for what pods do: each look is a run of kubectl, and pods take longer than processes."""

import time
from collections.abc import Callable

PATIENCE = 180.0
"""Seconds after which what a test waits for counts as never coming, on a machine that is busy with other things."""

BETWEEN_LOOKS = 0.5


def eventually(happened: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Wait until it has happened, for as many seconds as one has patience."""
    deadline = time.monotonic() + patience
    while not happened():
        assert time.monotonic() < deadline, f"{what}: not within {patience:.0f} s"
        time.sleep(BETWEEN_LOOKS)
