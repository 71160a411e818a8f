"""What a look at the cluster found: what is in order, what is wrong, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import typer
from rich.text import Text

from mintmaster.api.reasons import REASONS, Reason
from mintmaster.cli import printing
from mintmaster.cli.exits import Exit
from mintmaster.cli.options import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mintmaster.api.meta import Condition


class Level(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing, and nothing to be done; or something that could not be looked at."""
    PROBLEM = "problem"


_SIGNS: Final[dict[Level, tuple[str, str]]] = {
    Level.OK: ("ok      ", "green"),
    Level.NOTE: ("note    ", "yellow"),
    Level.PROBLEM: ("PROBLEM ", "bold red"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    subject: str
    text: str
    action: str = ""
    """What to do; empty where there is nothing to do."""


def ok(subject: str, text: str) -> Finding:
    """Something that is in order."""
    return Finding(Level.OK, subject, text)


def note(subject: str, text: str, action: str = "") -> Finding:
    """Something worth knowing."""
    return Finding(Level.NOTE, subject, text, action)


def problem(subject: str, text: str, action: str = "") -> Finding:
    """Something that is wrong, and what to do."""
    return Finding(Level.PROBLEM, subject, text, action)


def from_condition(subject: str, condition: Condition) -> Finding:
    """A condition that says that something is wrong; what to do is what the documentation says of its reason."""
    text = f"{condition.type}={condition.status} ({condition.reason}): {condition.message}"
    return problem(subject, text, advice(condition.reason))


def advice(reason: str) -> str:
    """What to do about a reason; empty for one that this version does not know."""
    return REASONS[Reason(reason)].action if reason in set(Reason) else ""


def report(found: Sequence[Finding], output: Output) -> None:
    """Print what was found; the command ends with FAILED where something is wrong."""
    if output in {Output.JSON, Output.YAML}:
        listed = [asdict(finding) | {"level": finding.level.value} for finding in found]
        printing.show_object({"findings": listed}, output)
    else:
        _print(found)
    if any(finding.level is Level.PROBLEM for finding in found):
        raise typer.Exit(Exit.FAILED)


def _print(found: Sequence[Finding]) -> None:
    width = max((len(finding.subject) for finding in found), default=0)
    console = printing.out()
    for finding in found:
        sign, style = _SIGNS[finding.level]
        text = Text.assemble((sign, style), finding.subject.ljust(width + 2), finding.text)
        console.print(text)
        if finding.action and finding.action != "Nothing.":
            indent = " " * (len(sign) + width + 2)
            console.print(Text(f"{indent}-> {finding.action}"))
