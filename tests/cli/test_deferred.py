"""Commands import what they need when they are called, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from mintmaster.cli.main import COMMANDS, KNOWN_ERRORS

if TYPE_CHECKING:
    from mintmaster.cli.deferred import Deferred

SHOW_MODULES = """
import sys
from mintmaster.cli import main
sys.argv = ["mintmaster", *sys.argv[1:]]
try:
    main.run()
finally:
    print(*sys.modules, file=sys.stderr)
"""


def modules(*arguments: str) -> set[str]:
    """The modules that a process has imported when it shows the help of a command."""
    command = [sys.executable, "-c", SHOW_MODULES, *arguments, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def packages(*arguments: str) -> set[str]:
    return {name for name in modules(*arguments) if name.count(".") <= 1}


def test_help_of_the_root_imports_no_command() -> None:
    loaded = packages()

    assert {name for name in loaded if name.startswith("mintmaster.")} == {"mintmaster.cli"}
    assert loaded.isdisjoint({"aiohttp", "kopf", "uvicorn"})


@pytest.mark.parametrize(
    ("command", "needs", "does_without"),
    [
        ("operator", "kopf", {"mintmaster.gate", "mintmaster.localcluster", "uvicorn"}),
        ("gate", "uvicorn", {"mintmaster.localcluster", "kopf"}),
        ("cluster", "mintmaster.localcluster", {"mintmaster.gate", "mintmaster.operator", "kopf"}),
        (
            "runner",
            "mintmaster.kube",
            {"mintmaster.gate", "mintmaster.operator", "kopf", "uvicorn"},
        ),
        ("diff", "mintmaster.lifecycle", {"mintmaster.localcluster", "kopf", "uvicorn"}),
    ],
)
def test_a_command_does_without_what_others_need(
    command: str, needs: str, does_without: set[str]
) -> None:
    loaded = packages(command)

    assert needs in loaded
    assert loaded.isdisjoint(does_without)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda it: it.name)
def test_a_command_can_be_imported_and_is_what_help_says(command: Deferred) -> None:
    loaded = command.load()

    assert loaded.name == command.name
    assert (loaded.help or "").splitlines()[0] == command.help


@pytest.mark.parametrize("name", sorted(KNOWN_ERRORS))
def test_a_known_error_exists(name: str) -> None:
    module, _, attribute = name.rpartition(".")

    assert issubclass(getattr(import_module(module), attribute), Exception)
