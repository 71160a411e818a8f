"""docs/threat-model.md: every barrier that it names has a test, and every test that it names is there."""

import re

import pytest

from manifests.installation import ROOT

PAGE = (ROOT / "docs" / "threat-model.md").read_text()
ATTACKERS = (
    "A tenant",
    "Somebody on the network",
    "A compromised gate",
    "A compromised operator",
    "A stolen backup",
    "A rogue node",
)
LINES = range(50, 66)
"""Lines of the list of attacks that are about resources; docs/attacks.md has the others."""

NAMED = sorted(set(re.findall(r"`(tests/[^`]*)`", PAGE)))


def rows(section: str) -> list[list[str]]:
    """The cells of each row of a section's table, but for its head."""
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    lines = [it for it in text.splitlines() if it.startswith("| ")]
    return [[cell.strip() for cell in it.strip("|").split(" | ")] for it in lines[1:]]


def names_tests(cell: str) -> bool:
    return re.fullmatch(r"`tests/[^`]*`(, `tests/[^`]*`)*", cell) is not None


@pytest.mark.parametrize("attacker", ATTACKERS)
def test_every_barrier_has_a_test(attacker: str) -> None:
    found = rows(attacker)
    assert found
    for attempt, barrier, shown in found:
        assert attempt
        assert barrier
        assert names_tests(shown), attempt


def test_every_line_of_the_list_has_a_test() -> None:
    found = rows("Attacks on custom resources")
    assert [int(number) for number, _, _, _ in found] == [*LINES]
    assert all(names_tests(shown) for _, _, _, shown in found)


@pytest.mark.parametrize("named", NAMED)
def test_every_test_that_is_named_is_there(named: str) -> None:
    path, name = named.split("::")
    text = (ROOT / path).read_text()
    assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), name
