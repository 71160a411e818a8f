"""How long to wait between attempts."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Backoff"]


@dataclass(frozen=True, slots=True)
class Backoff:
    """An endless, capped, jittered exponential series of delays in seconds.

    Every `iter()` starts the series anew, so one object serves any number of loops, and kopf as
    `settings.networking.error_backoffs` (which ends the operator when a finite one runs out). Each
    delay is drawn from the upper half of its step, so that many clients of a server that comes
    back do not return in the same instant.
    """

    first: float = 0.1
    cap: float = 30.0
    factor: float = 2.0
    uniform: Callable[[float, float], float] = field(default=random.uniform, repr=False)

    def __iter__(self) -> Iterator[float]:
        step = self.first
        while True:
            yield self.uniform(step / 2, step)
            step = min(step * self.factor, self.cap)
