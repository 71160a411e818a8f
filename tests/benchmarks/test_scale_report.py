"""How what was measured at scale gets onto its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from benchmarks.scale import report
from benchmarks.scale.figures import Memory, Size, Start

if TYPE_CHECKING:
    from pathlib import Path

PAGE = f"# Scale\n\nBefore.\n\n{report.BEGIN}\nold\n{report.END}\n\nAfter.\n"


def test_the_tables_replace_those_between_the_marks_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "scale.md"
    page.write_text(PAGE)

    for _ in range(2):
        report.put_on(page, ["| a |", "|---|"])

    assert page.read_text() == PAGE.replace("old", "| a |\n|---|")


@pytest.mark.parametrize("missing", [report.BEGIN, report.END])
def test_a_page_without_marks_is_left_alone(missing: str, tmp_path: Path) -> None:
    page = tmp_path / "scale.md"
    page.write_text(PAGE.replace(missing, ""))

    with pytest.raises(ValueError, match="has no lines"):
        report.put_on(page, ["| a |"])

    assert page.read_text() == PAGE.replace(missing, "")


def test_what_was_not_measured_is_said_not_to_be() -> None:
    size = Size(1000, database=4_000_000, lists=[0.5])
    size.memory = Memory(empty=80_000_000, settled=85_000_000, peak=90_000_000)
    size.start = Start(2.0, unchecked=900, settled=4.0, cpu=1.5, writes=0, changed=0)

    rows = {row.split(" | ")[0].removeprefix("| "): row for row in report.of_sizes([size])}

    assert (
        rows["operator, memory per resource"] == "| operator, memory per resource | 5.0 KB | 6 KB |"
    )
    ready = "start: a new resource is Ready, in bare lists of everything"
    assert rows[ready] == f"| {ready} | 4.0 (2.0 s) | seconds |"
    assert report.NOT_MEASURED in rows["list anew: writes"]
    assert report.NOT_MEASURED in rows["gate, memory in all"]
