"""The backend kind. A script plays kind: it hands out the cluster of the test run."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from mintmaster.localcluster.cluster import LocalCluster

Command = Callable[..., CompletedProcess[str]]

KIND = """
echo "$@" >> {calls}
for argument; do
  case "$argument" in --kubeconfig=*) target="${{argument#--kubeconfig=}}";; esac
done
[ "$1" = create ] && cp {kubeconfig} "$target"
exit 0
"""


def test_kind_makes_and_deletes_the_cluster(
    mintmaster: Command,
    program: Callable[[str, str], Path],
    cluster: LocalCluster,
    tmp_path: Path,
    state: Path,
) -> None:
    calls = tmp_path / "calls"
    program("kind", KIND.format(calls=calls, kubeconfig=cluster.kubeconfig))
    program("docker", "exit 0")

    up = mintmaster("cluster", "up", "--name", "box", "--backend", "kind")
    status = mintmaster("cluster", "status", "--name", "box")
    down = mintmaster("cluster", "down", "--name", "box")

    assert up.returncode == 0, up.stderr
    assert "the kind cluster mintmaster-box" in up.stderr
    assert "box (kind), ready" in status.stdout
    assert down.returncode == 0
    created, deleted = calls.read_text().splitlines()
    assert created.startswith("create cluster --name=mintmaster-box --kubeconfig=")
    assert deleted.startswith("delete cluster --name=mintmaster-box --kubeconfig=")
    assert not (state / "box").exists()


def test_when_kind_fails_its_words_are_shown(
    mintmaster: Command, program: Callable[[str, str], Path]
) -> None:
    program("kind", '[ "$1" = delete ] || { echo "no space for nodes"; exit 1; }')
    program("docker", "exit 0")

    up = mintmaster("cluster", "up", "--name", "box", "--backend", "kind")

    assert up.returncode == 1
    assert "kind create cluster failed" in up.stderr
    assert "| no space for nodes" in up.stderr


@pytest.mark.parametrize(
    ("present", "missing"),
    [([], "the command kind is not on PATH"), (["kind"], "kind needs one of docker")],
)
def test_what_kind_needs_is_named_when_missing(
    present: list[str],
    missing: str,
    mintmaster: Command,
    program: Callable[[str, str], Path],
    state: Path,
) -> None:
    folder = program("kubectl", "exit 0").parent
    for name in present:
        program(name, "exit 0")

    up = mintmaster("cluster", "up", "--name", "box", "--backend", "kind", PATH=str(folder))

    assert up.returncode == 1
    assert missing in up.stderr
    assert not (state / "box").exists()


def test_kind_takes_no_arguments_for_components(mintmaster: Command) -> None:
    up = mintmaster("cluster", "up", "--backend", "kind", "--apiserver-arg=--v=2")

    assert up.returncode == 1
    assert "takes no arguments for single components" in up.stderr
