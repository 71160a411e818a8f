"""The page about the command line names what there is, and nothing else."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperGroup

from manifests.installation import ROOT
from mintmaster.cli.exits import Exit
from mintmaster.cli.main import COMMANDS

PAGE = (ROOT / "docs" / "cli.md").read_text("utf-8")
SECTION = re.compile(r"^## (.*?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
SECTIONS = dict(SECTION.findall(PAGE))


def commands() -> set[str]:
    """Every command, a group's with the group's name."""
    found = set()
    for deferred in COMMANDS:
        loaded: Any = deferred.load()
        inner = loaded.commands if isinstance(loaded, TyperGroup) else {"": None}
        found |= {f"{deferred.name} {name}".strip() for name in inner}
    return found


def named() -> set[str]:
    """Every command that stands in the table: a group's name stands in front of the first alone."""
    found = set()
    groups = {it.name for it in COMMANDS if isinstance(it.load(), TyperGroup)}
    for cell in re.findall(r"^\| (`.*?`) \|", SECTIONS["Commands"], re.MULTILINE):
        first, *others = re.findall(r"`(.*?)`", cell)
        words = first.removeprefix("mintmaster ").split()
        group = words[0] if words[0] in groups else ""
        names = [words[1] if group else words[0], *others]
        found |= {f"{group} {name}".strip() for name in names}
    return found


def test_the_table_of_commands_is_whole() -> None:
    assert named() == commands()


def test_the_table_of_exit_codes_is_whole() -> None:
    codes = re.findall(r"^\| (\d) \|", SECTIONS["Exit codes"], re.MULTILINE)

    assert [int(code) for code in codes] == sorted(Exit)
