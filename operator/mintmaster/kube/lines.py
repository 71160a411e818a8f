"""Cutting a stream of bytes into lines, however long they are."""

from __future__ import annotations

__all__ = ["LineSplitter"]


class LineSplitter:
    """Puts together the lines that arrive in chunks.

    An event of a watch is one line, of up to some megabytes; aiohttp's `readline` ends at 128 KiB.
    The pieces of an unfinished line are joined once, so a long one costs no more than its length.
    """

    def __init__(self) -> None:
        self._unfinished: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take a chunk; return the lines that it completes, without their ends or empty ones."""
        first, *others = chunk.split(b"\n")
        self._unfinished.append(first)
        if not others:
            return []
        lines = [b"".join(self._unfinished), *others]
        self._unfinished = [lines.pop()]
        return [line for line in lines if line]
