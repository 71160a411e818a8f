"""docs/compatible-errors.md: every error that it names has a test, and every test that it names is there."""

import re

import pytest

from manifests.installation import ROOT

PAGE = (ROOT / "docs" / "compatible-errors.md").read_text("utf-8")
SECTIONS = ("GitLab", "Run:ai", "REANA", "Project-W", "All of them")
TEST = r"`tests/[^`]*`"
NAMED = sorted(set(re.findall(f"({TEST})", PAGE)))


def rows(section: str) -> list[list[str]]:
    """The cells of each row of a section's table, but for its head."""
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    lines = [it for it in text.splitlines() if it.startswith("| ")]
    return [[cell.strip() for cell in it.strip("|").split(" | ")] for it in lines[1:]]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_error_has_a_test(section: str) -> None:
    found = rows(section)
    assert found
    for case, answer, shown in found:
        assert case
        assert answer
        assert re.fullmatch(f"{TEST}(, {TEST})*", shown), case


def test_there_are_no_other_sections() -> None:
    assert tuple(re.findall(r"^## (.*)$", PAGE, re.MULTILINE)) == SECTIONS


@pytest.mark.parametrize("named", NAMED)
def test_every_test_that_is_named_is_there(named: str) -> None:
    path, name = named.strip("`").split("::")
    text = (ROOT / path).read_text("utf-8")
    assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), name
