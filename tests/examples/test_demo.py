"""The demo as people run it: what it shows, and that it leaves nothing behind, however it ends."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from manifests.installation import ROOT

DEMO = ROOT / "examples" / "quickstart" / "demo.py"


@contextmanager
def demo(state: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the demo with a state folder of its own, so that it touches no other demo's cluster."""
    environment = {**os.environ, "XDG_STATE_HOME": str(state), "KUBECONFIG": "/nowhere"}
    command = [sys.executable, str(DEMO), *arguments]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def clusters(state: Path) -> list[Path]:
    return list((state / "mintmaster" / "clusters").iterdir())


def test_the_demo_shows_no_token_and_leaves_nothing_running(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        shown, _ = process.communicate()
    assert process.returncode == 0, shown
    assert "The signature holds; the token speaks for runner:quickstart:builder." in shown
    assert "No Secret is left in the namespace quickstart." in shown
    assert not re.search(r"[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}", shown)
    assert clusters(tmp_path) == []
    await_end_of_all(tmp_path)


def test_a_demo_that_is_interrupted_twice_ends_what_it_started(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(("$ kubectl get minted", "Interrupted")):
                process.send_signal(signal.SIGINT)
        code = process.wait()
    assert code == 130
    assert clusters(tmp_path) == []
    await_end_of_all(tmp_path)


def test_a_demo_that_fails_shows_the_log_of_the_operator(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        assert process.stdout is not None
        shown = ""
        for line in process.stdout:
            shown += line
            if line.startswith("$ kubectl wait --for=condition=Ready tokenissuer"):
                kill_operator(tmp_path)
        code = process.wait()
    assert code == 1
    assert "The operator is no longer running; the end of its log:" in shown
    assert clusters(tmp_path) == []


def await_end_of_all(state: Path) -> None:
    """Wait for the guard of the cluster, which looks around every half second, and for nothing else."""
    deadline = time.monotonic() + 10
    while left := running(state):
        assert time.monotonic() < deadline, [read(Path(f"/proc/{pid}/cmdline")) for pid in left]
        time.sleep(0.05)


def running(state: Path) -> list[int]:
    """Return the processes that have to do with a state folder: operator, control plane."""
    commands = {path.parent: path for path in Path("/proc").glob("[0-9]*/cmdline")}
    return [int(folder.name) for folder, path in commands.items() if str(state) in read(path)]


def read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def kill_operator(state: Path) -> None:
    """Kill the operator, which may not have become what it is called yet."""
    deadline = time.monotonic() + 10
    while not (found := operators(state)):
        assert time.monotonic() < deadline, "there is no operator"
        time.sleep(0.01)
    for pid in found:
        os.kill(pid, signal.SIGKILL)


def operators(state: Path) -> list[int]:
    return [
        pid
        for pid in running(state)
        if "operator" in read(Path(f"/proc/{pid}/cmdline")).split("\0")
    ]
