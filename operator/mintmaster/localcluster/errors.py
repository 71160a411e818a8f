"""What can go wrong with a local control plane.

ClusterError            its text is for people and says what to do
├── BuildError          no Go, or Go could not build a program
├── BackendError        what was chosen to make the cluster cannot make it
├── DeadComponentError  a process ended by itself; carries the end of its log
├── NotReadyError       something that was waited for did not come about in time
├── RequestError        the API server could not be reached, or refused
└── NoSuchClusterError  there is no cluster of this name
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOG_LINES = 15
"""Lines of a log that an error shows: enough for a fatal message and what led to it."""


class ClusterError(Exception):
    """A local control plane could not do what was asked."""


class BuildError(ClusterError):
    """Go is missing or could not build a program."""


class BackendError(ClusterError):
    """What was chosen to make the cluster cannot make it."""


class DeadComponentError(ClusterError):
    """A process of the control plane ended by itself."""


class NotReadyError(ClusterError):
    """Something that was waited for did not come about in time."""


class RequestError(ClusterError):
    """The API server could not be reached, or refused; `status` is 0 without an answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class NoSuchClusterError(ClusterError):
    """There is no cluster of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f'there is no cluster "{name}"; "mintmaster cluster up --name {name}" makes it'
        )


def log_excerpt(log: "Path") -> str:
    """Give the last lines of a log, and where the rest is, to be put below a message."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
    except FileNotFoundError:
        return f"(there is no log at {log})"
    shown = "\n".join(f"  | {line}" for line in lines)
    return f"last lines of {log}:\n{shown}"
