"""Every example does what its README says, command by command, on a real API server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.readme import steps
from manifests.installation import ROOT, Installation, installed

PAGES = sorted((ROOT / "examples").glob("*/README.md"))


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("installation")) as made, made.operator_running():
        yield made


def test_every_folder_of_examples_has_a_page_with_steps() -> None:
    folders = {path.parent for path in (ROOT / "examples").glob("*/*.yaml")}
    assert folders == {page.parent for page in PAGES}
    assert all(list(steps(page)) for page in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_page_tells_what_happens(installation: Installation, page: Path) -> None:
    for step in steps(page):
        done = installation.admin.shell(step.script)
        assert done.returncode == 0, f"{page}:{step.line}\n{done.stdout}{done.stderr}"
        assert step.prints(done.stdout), f"{page}:{step.line} prints\n{done.stdout}"
