"""Exit codes of all commands, and the error by which a command ends with one."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a script can tell from the exit code."""

    DONE = 0
    """The command did its work; what it looked at is in order."""
    FAILED = 1
    """It could not do its work, or what it looked at is not in order."""
    USAGE = 2
    """The arguments make no sense. Nothing was asked of the cluster."""
    NOT_FOUND = 3
    """What was named does not exist."""
    NOT_READY = 4
    """What was waited for did not come about in time. What was written stands."""


class Failure(Exception):
    """A command could not do its work. The text is for people and says what to do."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.code = code
