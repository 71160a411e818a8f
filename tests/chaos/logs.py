"""What the logs of the processes must not show, and ends of processes that nobody brought about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.plan import GATES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaos.processes import Supervised
    from chaos.record import Record
    from chaos.stage import Stage

DEFECTS = ("Traceback (most recent call last)", "could not be reconciled", "a request failed")

_BY_A_SIGNAL = {0, -9, -15}
_LEADERSHIP_LOST = 1


def complaints(stage: Stage, record: Record) -> list[str]:
    """All of it, in sentences."""
    found: list[str] = []
    for process in stage.processes.values():
        found += strange_ends(process)
        found += in_logs(process, record)
    return found


def strange_ends(process: Supervised) -> Iterator[str]:
    """Exit codes of lives that the rig did not end."""
    allowed = _BY_A_SIGNAL if process.name in GATES else _BY_A_SIGNAL | {_LEADERSHIP_LOST}
    for code in process.ends:
        if code not in allowed:
            yield f"{process.name} ended with {code}"


def in_logs(process: Supervised, record: Record) -> Iterator[str]:
    """Tokens and defects in what a process said."""
    for log, text in process.said().items():
        yield from (f"{log} says {defect!r}" for defect in DEFECTS if defect in text)
        for digest, token in record.tokens.items():
            if token in text:
                yield f"{log} shows the token {digest[:8]}"
