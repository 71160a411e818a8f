"""How long-running work tells a person that it goes on."""

import sys
from collections.abc import Callable

Say = Callable[[str], None]
"""Takes one sentence, or a few words, for a person to read now."""


def silent(_text: str) -> None:
    """Say nothing."""


def to_stderr(text: str) -> None:
    """Say it on standard error, which leaves standard output to results."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def seconds(elapsed: float) -> str:
    """Write a duration in seconds as people read it: 8s, 3m10s."""
    minutes, rest = divmod(round(elapsed), 60)
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"
