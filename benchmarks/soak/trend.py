"""Whether a series of samples is flat: the slope of a straight line through it, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCKS = 12
"""Samples that follow each other are alike, so a line through all of them would seem surer than it is: it is laid
through the means of so many parts of the run."""

_T = 2.228
"""Two-sided 95 % quantile of Student's t with BLOCKS - 2 degrees of freedom."""

Sample = tuple[float, float]
"""When, in hours, and how much."""


class TooShort(Exception):
    """There are too few samples for a trend."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A line through samples."""

    mean: float
    per_hour: float
    spread: float
    """Half of the 95 % interval of `per_hour`."""

    def is_flat(self, allowance: float) -> bool:
        """Whether it may be said not to grow: even the low end of the interval would have to be above the allowance,
        per hour, for it to count as growth. What shrinks is flat.
        """
        return self.per_hour - self.spread <= allowance


def trend(samples: Sequence[Sample]) -> Trend:
    """Lay a line through samples, by least squares through the means of blocks. Raises TooShort below two per block."""
    if len(samples) < 2 * BLOCKS:
        raise TooShort(f"{len(samples)} samples after the warm-up; {2 * BLOCKS} are needed")
    ordered = sorted(samples)
    bounds = [len(ordered) * number // BLOCKS for number in range(BLOCKS + 1)]
    blocks = [ordered[begin:end] for begin, end in pairwise(bounds)]
    hours = [fmean(when for when, _ in block) for block in blocks]
    values = [fmean(value for _, value in block) for block in blocks]
    return _line(hours, values)


def _line(hours: Sequence[float], values: Sequence[float]) -> Trend:
    hour, value = fmean(hours), fmean(values)
    width = sum((it - hour) ** 2 for it in hours)
    slope = sum((x - hour) * (y - value) for x, y in zip(hours, values, strict=True)) / width
    left = sum((y - value - slope * (x - hour)) ** 2 for x, y in zip(hours, values, strict=True))
    error = math.sqrt(left / (len(hours) - 2) / width)
    return Trend(value, slope, _T * error)
