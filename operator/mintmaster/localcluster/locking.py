"""Locks between processes, for work on a folder that must not be done twice at once."""

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mintmaster.localcluster.progress import Say, silent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def locked(folder: "Path", say: Say = silent) -> "Iterator[None]":
    """Hold `folder` alone, making it if need be; the kernel lets go if this process dies.

    The folder itself is locked, so that nothing is left over where it gets removed meanwhile.
    """
    descriptor = _lock(folder, say)
    while not _same(descriptor, folder):
        os.close(descriptor)
        descriptor = _lock(folder, say)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(folder: "Path", say: Say) -> int:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"waiting for another process that works on {folder}")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _same(descriptor: int, folder: "Path") -> bool:
    """Tell whether the folder that was locked is still the one at this path."""
    try:
        return os.path.samestat(os.fstat(descriptor), folder.stat())
    except FileNotFoundError:
        return False
