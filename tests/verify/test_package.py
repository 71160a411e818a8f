"""What the package offers, and what it needs."""

import re
import subprocess
import sys
from pathlib import Path

from mintmaster import verify

PAGE = Path(__file__).parents[2] / "docs" / "verify.md"

UNNEEDED = {"api", "cli", "gate", "kube", "lifecycle", "localcluster", "operator"}
"""Parts of Mintmaster that a service has no use for."""

_IMPORT = "import sys, mintmaster.verify; print(*sorted(sys.modules))"


def test_everything_offered_is_there() -> None:
    assert all(getattr(verify, name).__doc__ for name in verify.__all__)


def test_it_is_imported_without_anything_of_kubernetes() -> None:
    command = [sys.executable, "-W", "error", "-c", _IMPORT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert "mintmaster.tokens" in imported
    assert imported.isdisjoint({f"mintmaster.{part}" for part in UNNEEDED})
    assert imported.isdisjoint({"kopf", "yaml", "uvicorn", "typer", "prometheus_client"})


def test_the_page_imports_and_explains_what_there_is() -> None:
    text = PAGE.read_text()
    imported = re.findall(r"^from mintmaster\.verify import (.*)$", text, re.MULTILINE)
    named = {name.strip() for line in imported for name in line.split(",")}
    explained = set(re.findall(r"^\| `([A-Z]\w+)` \|", text, re.MULTILINE))
    assert named <= set(verify.__all__)
    assert explained == {kind.__name__ for kind in verify.Refused.__subclasses__()}
