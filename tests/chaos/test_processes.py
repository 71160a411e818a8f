"""Watching over processes, and what their logs and ends tell."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

from chaos import logs
from chaos.processes import Supervised
from chaos.record import Clock, Record

if TYPE_CHECKING:
    from pathlib import Path


def supervised(folder: Path, name: str = "gate-0") -> Supervised:
    """A process that is no command of ours: it says how it is used, and ends with 2."""
    return Supervised(name, ("no-such-command",), folder / "clock", folder)


def record(*tokens: str) -> Record:
    made = Record(1, Clock([]), 20.0)
    made.tokens = {f"digest-of-{token}": token for token in tokens}
    return made


def complaints(process: Supervised, made: Record) -> list[str]:
    return [*logs.strange_ends(process), *logs.in_logs(process, made)]


@pytest.mark.parametrize(
    ("name", "code", "strange"),
    [
        ("gate-0", -signal.SIGKILL, False),
        ("gate-0", 0, False),
        ("gate-0", 1, True),
        ("operator-0", 1, False),
        ("operator-0", 2, True),
    ],
)
def test_an_end_that_nobody_brought_about_is_told(
    tmp_path: Path, name: str, code: int, strange: bool
) -> None:
    process = supervised(tmp_path, name)
    process.ends.append(code)

    assert complaints(process, record()) == ([f"{name} ended with {code}"] if strange else [])


def test_tokens_and_tracebacks_in_logs_are_told_once_the_run_has_begun(tmp_path: Path) -> None:
    process = supervised(tmp_path)
    log = tmp_path / "gate-0.1.log"
    log.write_text("before: the-token\n")
    process.begin()
    assert not complaints(process, record("the-token"))

    log.write_text(log.read_text() + "ERROR the-token\nTraceback (most recent call last):\n")

    assert complaints(process, record("the-token")) == [
        "gate-0.1.log says 'Traceback (most recent call last)'",
        "gate-0.1.log shows the token digest-o",
    ]


async def test_what_ends_is_started_again_and_stays_down_as_long_as_told(tmp_path: Path) -> None:
    process = supervised(tmp_path)
    watching = asyncio.create_task(process.watch_over())
    async with asyncio.timeout(200):
        while process.lives < 2:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    process.kill(down=3600)
    lives = process.lives
    await asyncio.sleep(1)
    watching.cancel()
    await process.stop()

    assert process.ends
    assert process.lives <= lives + 1
    assert process.identity == f"gate-0.{process.lives}"
