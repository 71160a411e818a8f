"""Building with Go: where Go is found, what is kept, and what is said. A script plays Go."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mintmaster.localcluster import build
from mintmaster.localcluster.errors import BuildError
from mintmaster.localcluster.progress import silent
from mintmaster.localcluster.versions import APISERVER, CONTROLLER_MANAGER, ETCD

GO = """
[ "$1" = env ] && { echo go1.26.8; exit; }
echo run >> "$GO_RUNS"
for argument; do
  case "$previous" in -o) target="$argument";; esac
  previous="$argument"
  case "$argument" in
    */server/v3) echo program > "$target/server";;
    k8s.io/*) echo program > "$target/${argument##*/}";;
  esac
done
"""
FAILING_GO = """
[ "$1" = env ] && { echo go1.26.8; exit; }
echo "no such module"; exit 1
"""

Program = Callable[[str, str], Path]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have an empty cache, and a file that gets one line for each build."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GO_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def test_programs_of_one_module_are_built_together_and_once(program: Program, runs: Path) -> None:
    program("go", GO)
    wanted = [ETCD, APISERVER, CONTROLLER_MANAGER]

    first = build.ensure(wanted, silent)
    second = build.ensure(wanted, silent)

    assert first == second
    assert sorted(first) == ["etcd", "kube-apiserver", "kube-controller-manager"]
    assert all(path.read_text() == "program\n" for path in first.values())
    assert runs.read_text().splitlines() == ["run", "run"]


def test_two_at_a_time_build_once(program: Program, runs: Path) -> None:
    program("go", f"sleep 0.2\n{GO}")

    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda _: build.ensure([ETCD], silent), range(2)))

    assert results[0] == results[1]
    assert runs.read_text().splitlines() == ["run"]


def test_what_is_built_and_how_long_it_takes_is_said(program: Program, runs: Path) -> None:
    program("go", GO)
    said: list[str] = []

    build.ensure([ETCD], said.append)

    assert runs.exists()
    assert said[0] == "building etcd v3.6.16 with Go 1.26.8 (first time only, about 1 min)"
    assert said[-1].startswith("built etcd in ")


def test_a_long_build_says_that_it_goes_on(
    program: Program, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program("go", f'[ "$1" = build ] && sleep 0.3\n{GO}')
    monkeypatch.setattr(build, "REMINDER_SECONDS", 0.05)
    said: list[str] = []

    build.ensure([ETCD], said.append)

    assert runs.exists()
    assert "building etcd v3.6.16 with Go 1.26.8 ... 0s" in said


@pytest.mark.usefixtures("runs")
def test_a_failed_build_shows_the_end_of_its_log_and_leaves_no_program(program: Program) -> None:
    program("go", FAILING_GO)

    with pytest.raises(BuildError, match=r"(?s)building etcd .* failed .*\| no such module"):
        build.ensure([ETCD], silent)

    assert not list(build.built_folder(ETCD.module).iterdir())


@pytest.mark.usefixtures("runs")
def test_without_go_every_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(build, "_packaged_root", lambda: None)

    with pytest.raises(BuildError) as caught:
        build.ensure([ETCD], silent)

    for way in ("Go 1.26 or newer", "mintmaster[go]", "KUBEBUILDER_ASSETS", "--context", "kind"):
        assert way in str(caught.value)


def test_go_of_the_python_package_is_found(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "go"
    (package / "bin").mkdir(parents=True)
    (package / "__init__.py").touch()
    program("go", 'echo "go1.27.3 $GOROOT"').rename(package / "bin" / "go")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    monkeypatch.setattr("shutil.which", lambda _name: None)

    go = build.Go.find()

    assert go.command == package / "bin" / "go"
    assert go.version == (1, 27, 3)
    assert go.environment()["GOROOT"] == str(package)


def test_go_that_is_new_enough_fetches_no_toolchain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOTOOLCHAIN", "auto")

    assert build.Go(Path("go"), (1, 26, 0)).environment()["GOTOOLCHAIN"] == "local"
    assert build.Go(Path("go"), (1, 25, 9)).environment()["GOTOOLCHAIN"] == "auto"


def test_settings_for_another_machine_do_not_reach_the_build(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GOOS", "windows")

    environment = build.Go(Path("go"), (1, 26, 0)).environment()

    assert "GOOS" not in environment
    assert environment["CGO_ENABLED"] == "0"
