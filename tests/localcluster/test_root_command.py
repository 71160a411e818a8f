"""The root of the command line: version, names, and how errors reach people."""

import subprocess
import sys

import pytest

from mintmaster import __version__
from mintmaster.cli import main
from mintmaster.localcluster.errors import ClusterError


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "mintmaster", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_version() -> None:
    done = run("--version")

    assert (done.returncode, done.stdout) == (0, f"mintmaster {__version__}\n")


def test_help_names_the_groups_without_colours() -> None:
    done = run("--help")

    assert done.returncode == 0
    assert "cluster" in done.stdout
    assert "\x1b[" not in done.stdout


@pytest.mark.parametrize(
    ("called_as", "shown"),
    [
        ("/usr/bin/mintmaster", "mintmaster"),
        ("/usr/bin/kubectl-mint", "kubectl mint"),
        ("/package/mintmaster/__main__.py", "mintmaster"),
    ],
)
def test_the_program_is_named_as_people_typed_it(called_as: str, shown: str) -> None:
    assert main.program_name(called_as) == shown


def test_a_known_error_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: str) -> None:
        raise ClusterError("the disk is full")

    monkeypatch.setattr(main, "app", fail)

    with pytest.raises(SystemExit) as ended:
        main.run()

    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: the disk is full\n"


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(main, "app", fail)

    with pytest.raises(ZeroDivisionError):
        main.run()
