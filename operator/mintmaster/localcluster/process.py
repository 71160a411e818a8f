"""Processes that outlive us: started apart from our terminal, found again, never mistaken.

A process is known by its id and the time it started, because ids are used again.
"""

import contextlib
import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

POLL_SECONDS = 0.05
"""Pause between two looks at something that is about to change."""

_DEFERRED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_NEVER = -1


@dataclass(frozen=True, slots=True)
class Process:
    """A process by its id and the time it started, in clock ticks since boot (proc(5))."""

    pid: int
    started: int

    @classmethod
    def find(cls, pid: int) -> "Process":
        """Look at the process that has this id now, be it one that is no more."""
        return cls(pid, _start_time(pid))

    @property
    def alive(self) -> bool:
        """Whether this very process still runs; a later one with the same id does not count."""
        return not self.wait(0)

    def wait(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the end, and tell whether it came."""
        with self._descriptor() as descriptor:
            if descriptor is None:
                return True
            ended = select.poll()
            ended.register(descriptor, select.POLLIN)
            if not ended.poll(timeout * 1000):
                return False
        _reap(self.pid)
        return True

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal, and tell whether there was a process to send it to."""
        with self._descriptor() as descriptor:
            if descriptor is None:
                return False
            try:
                signal.pidfd_send_signal(descriptor, number)
            except ProcessLookupError:
                return False
        return True

    def stop(self, timeout: float) -> None:
        """End the process: politely, and after `timeout` seconds by force."""
        # One that is stopped by SIGSTOP would not hear the polite signal.
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        if not self.wait(timeout):
            self.signal(signal.SIGKILL)
            self.wait(timeout)

    @contextlib.contextmanager
    def _descriptor(self) -> "Iterator[int | None]":
        """Pin this very process down (pidfd_open(2)), or give None if it is no more."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            yield None
            return
        try:
            yield descriptor if _start_time(self.pid) == self.started else None
        finally:
            os.close(descriptor)


def spawn(argv: tuple[str, ...], log: Path) -> Process:
    """Start a daemon in a session of its own, which appends what it prints to `log`."""
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        argv[0],
        argv,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=_IGNORED_BY_PYTHON,
    )
    # A child stays in the process table until it is waited for, so that this finds it for sure.
    return Process.find(pid)


@contextlib.contextmanager
def undisturbed() -> "Iterator[None]":
    """Hold back Ctrl-C and its like, for the moment between starting and writing it down."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _DEFERRED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_time(pid: int) -> int:
    """Read field 22 of /proc/<pid>/stat (proc(5)); _NEVER if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return _NEVER
    # Field 2, the name, stands in parentheses and may itself contain some.
    return int(stat.rpartition(")")[2].split()[19])


def _reap(pid: int) -> None:
    """Let a child that ended go from the process table; others' children are left alone."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
