"""Original clients of other systems, unmodified: each in an environment of its own in the user's cache."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from mintmaster.localcluster.locking import locked
from mintmaster.localcluster.paths import cache_folder
from mintmaster.localcluster.progress import silent

_INSTALL_SECONDS = 1200.0
"""How long installing a client may take the first time; REANA's has 115 packages, some of which are built."""

patient = pytest.mark.timeout(2 * _INSTALL_SECONDS)
"""For the tests of a client, the first of which may have to wait until it is installed."""


def environment(client: str) -> Path:
    """The folder of programs of an environment with that client; installed by its hashes when first asked for."""
    requirements = Path(__file__).with_name(f"requirements-{client}.txt")
    fingerprint = hashlib.sha256(requirements.read_bytes()).hexdigest()[:8]
    folder = cache_folder() / f"client-{client}-{fingerprint}"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, silent):
        if not (folder / "complete").exists():
            _run(sys.executable, "-m", "venv", "--clear", str(folder / "venv"))
            pip = str(folder / "venv" / "bin" / "pip")
            options = ("--quiet", "--no-deps", "--require-hashes", "--requirement")
            _run(pip, "install", *options, str(requirements))
            (folder / "complete").touch()
    return folder / "venv" / "bin"


def _run(*command: str) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS
    )
    assert done.returncode == 0, done.stderr
