"""What a run tells people: its faults with their times, a verdict per invariant, and a line at the end."""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chaos.judge import Verdict
    from chaos.record import Record

SHOWN = 12
"""How many breaks of one invariant are shown."""


def tell(line: str) -> None:
    """Print a line at once, so that a run can be followed."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@dataclass
class Report:
    """Prints, and keeps the same in a file."""

    log: TextIO
    began: float

    def say(self, text: str) -> None:
        """A line with the time since the start, in seconds."""
        line = f"  {time.monotonic() - self.began:7.1f} {text}"
        tell(line)
        self.log.write(line + "\n")
        self.log.flush()

    def conclude(self, verdicts: Sequence[Verdict], record: Record) -> bool:
        """Tell the verdicts; whether all invariants held."""
        said = Counter(it.active for it in record.answers)
        self.say(
            f"{len(record.wishes)} wishes, {len(record.tokens)} tokens, {len(record.answers)} answers of gates"
            f" ({said[True]} active, {said[False]} inactive, {said[None]} none), {len(record.restores)} restores"
        )
        for verdict in verdicts:
            self.say(f"{'held  ' if verdict.held else 'BROKEN'} {verdict.invariant}")
            for text in verdict.broken[:SHOWN]:
                self.say(f"         {text}")
            if len(verdict.broken) > SHOWN:
                self.say(f"         and {len(verdict.broken) - SHOWN} more")
        return all(verdict.held for verdict in verdicts)


def summary(outcomes: Mapping[int, bool], seconds: float) -> str:
    """The last line."""
    failed = [seed for seed, held in outcomes.items() if not held]
    named = f" ({', '.join(map(str, failed))})" if failed else ""
    passed = len(outcomes) - len(failed)
    return f"chaos: {passed} passed, {len(failed)} failed{named}, {seconds:.0f} s of faults each"
