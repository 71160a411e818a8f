"""The page about attacks has a row for every line of the list, and names tests that there are."""

from __future__ import annotations

import ast
import re
from functools import cache
from itertools import chain

import pytest

from manifests.installation import ROOT

PAGE = (ROOT / "docs" / "attacks.md").read_text("utf-8")
ROWS = {
    int(number): re.findall(r"`([\w/]+\.py)::(\w+)`", shown)
    for number, shown in re.findall(r"^\| (\d+) \|.*\|(.*)\|$", PAGE, re.MULTILINE)
}
LINES = [*range(1, 50), *range(66, 91)]
"""Lines on tokens, OAuth, TokenReview, status lists, leaks and the design; 50 to 65 are about resources."""


@cache
def functions_of(path: str) -> set[str]:
    """The test functions of a file."""
    tree = ast.parse((ROOT / "tests" / path).read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, functions)}


def test_every_line_has_one_row_in_order() -> None:
    numbers = [int(it) for it in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)]
    assert numbers == LINES


@pytest.mark.parametrize("number", LINES)
def test_every_row_names_tests_that_there_are(number: int) -> None:
    assert ROWS[number]
    missing = [(path, name) for path, name in ROWS[number] if name not in functions_of(path)]
    assert not missing


def test_every_attack_tried_here_stands_on_the_page() -> None:
    named = set(chain.from_iterable(ROWS.values()))
    for file in (ROOT / "tests" / "gate" / "attacks").glob("test_*.py"):
        path = file.relative_to(ROOT / "tests").as_posix()
        tried = {name for name in functions_of(path) if re.match(r"test_\d", name)}
        assert {(path, name) for name in tried} <= named
