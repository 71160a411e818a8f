"""Daemons: found again, ended for sure, and never mistaken for another."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mintmaster.localcluster.process import Process, spawn

PROMPT_SECONDS = 10.0
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True)"


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    """Have a daemon that sleeps."""
    process = spawn(("/bin/sleep", "600"), tmp_path / "log")
    yield process
    process.signal(signal.SIGKILL)


def test_a_daemon_runs_in_a_session_of_its_own(sleeper: Process) -> None:
    assert sleeper.alive
    assert os.getsid(sleeper.pid) == sleeper.pid


def test_its_output_goes_to_the_log(tmp_path: Path) -> None:
    process = spawn(("/bin/sh", "-c", "echo one; echo two >&2"), tmp_path / "log")

    assert process.wait(PROMPT_SECONDS)
    assert (tmp_path / "log").read_text() == "one\ntwo\n"


def test_a_daemon_that_ended_is_not_alive(sleeper: Process) -> None:
    sleeper.signal(signal.SIGKILL)

    assert sleeper.wait(PROMPT_SECONDS)
    assert not sleeper.alive
    assert not sleeper.signal(signal.SIGTERM)


def test_stop_ends_one_that_is_paused(sleeper: Process) -> None:
    sleeper.signal(signal.SIGSTOP)

    sleeper.stop(PROMPT_SECONDS)

    assert not sleeper.alive


def test_stop_ends_one_that_does_not_listen(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = spawn((sys.executable, "-uc", f"{DEAF}; time.sleep(600)"), log)
    while "deaf" not in log.read_text():
        assert process.alive

    process.stop(0.1)

    assert not process.alive


def test_a_recycled_id_is_left_alone() -> None:
    with subprocess.Popen(["/bin/sleep", "600"]) as innocent:
        real = Process.find(innocent.pid)
        earlier = Process(innocent.pid, real.started - 1)

        earlier.stop(0.1)

        assert not earlier.alive
        assert not earlier.signal(signal.SIGKILL)
        assert real.alive
        assert innocent.poll() is None
        innocent.kill()


def test_an_id_that_nobody_has_is_not_alive() -> None:
    with subprocess.Popen(["/bin/true"]) as gone:
        gone.wait()

    assert not Process.find(gone.pid).alive


def test_a_name_with_parentheses_is_read_right(tmp_path: Path) -> None:
    odd = tmp_path / "a) Z 1 (b"
    odd.symlink_to("/bin/sleep")

    process = spawn((str(odd), "600"), tmp_path / "log")

    assert process.alive
    assert process == Process.find(process.pid)
    process.signal(signal.SIGKILL)
    assert process.wait(PROMPT_SECONDS)
