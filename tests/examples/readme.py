"""The commands of a README in Markdown, and what it says that they print."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_STEP = re.compile(r"^```sh\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """A block of commands for a shell; `expected` is the block of text right below it, if there is one."""

    line: int
    script: str
    expected: str | None

    def prints(self, output: str) -> bool:
        """Whether that is what the README says, in which `...` stands for anything."""
        if self.expected is None:
            return True
        parts = self.expected.strip().split("...")
        pattern = ".*".join(re.escape(part) for part in parts)
        return re.fullmatch(pattern, output.strip(), re.DOTALL) is not None


def steps(page: Path) -> Iterator[Step]:
    """Yield the steps of a page in their order."""
    text = page.read_text("utf-8")
    for found in _STEP.finditer(text):
        yield Step(text.count("\n", 0, found.start()) + 1, found[1], found[2])
