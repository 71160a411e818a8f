"""`mintmaster cluster` as people run it, on real control planes."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mintmaster.localcluster import build
from mintmaster.localcluster.cluster import LocalCluster
from mintmaster.localcluster.programs import CONTROL_PLANE
from mintmaster.localcluster.progress import silent
from mintmaster.localcluster.versions import KUBECTL

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def status(mintmaster: Command, name: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(
        mintmaster("cluster", "status", "--name", name, "--output", "json").stdout
    )
    return shown


def test_the_life_of_a_cluster(mintmaster: Command, state: Path) -> None:
    up = mintmaster("cluster", "up", "--name", "life")
    kubeconfig = state / "life" / "kubeconfig"
    assert up.returncode == 0, up.stderr
    assert up.stdout.splitlines()[-1] == f"export KUBECONFIG={kubeconfig}"
    assert "processes on this machine, Kubernetes v1.34.4" in up.stderr
    assert "is ready at https://127.0.0.1:" in up.stderr

    again = mintmaster("cluster", "up", "--name", "life")
    assert again.returncode == 0
    assert "is up already" in again.stderr

    path = mintmaster("cluster", "kubeconfig", "--name", "life")
    assert path.stdout == f"{kubeconfig}\n"

    table = mintmaster("cluster", "status", "--name", "life")
    assert table.returncode == 0
    assert "life (go), ready" in table.stdout
    assert "\x1b[" not in table.stdout

    before = status(mintmaster, "life")
    assert before["ready"]
    assert before["version"] == "v1.34.4"
    assert [component["name"] for component in before["components"]] == [
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
    ]
    assert all(component["ready"] for component in before["components"])

    changed = mintmaster("cluster", "up", "--name", "life", "--apiserver-arg=--v=2")
    assert changed.returncode == 1
    assert "exists with other settings (apiserver_args)" in changed.stderr

    processes = [component.process for component in LocalCluster.find("life").components]
    assert all(process and process.alive for process in processes)
    down = mintmaster("cluster", "down", "--name", "life")
    assert down.returncode == 0
    assert 'cluster "life" is down' in down.stderr
    assert not (state / "life").exists()
    assert not any(process and process.alive for process in processes)

    nothing = mintmaster("cluster", "down", "--name", "life")
    assert nothing.returncode == 0
    assert "nothing to do" in nothing.stderr


def test_one_of_two_side_by_side_crashes_and_recovers_with_its_data(
    mintmaster: Command, cluster: LocalCluster
) -> None:
    arguments = ("cluster", "up", "--name", "one", "--apiserver-arg=--anonymous-auth=false")
    assert mintmaster(*arguments).returncode == 0
    one = LocalCluster.find("one")
    assert "--anonymous-auth=false" in one.component("kube-apiserver").recipe.argv
    kubectl = [str(one.kubectl), f"--kubeconfig={one.kubeconfig}"]
    subprocess.run([*kubectl, "create", "namespace", "kept"], check=True, capture_output=True)
    apiserver = status(mintmaster, "one")["components"][1]

    os.kill(apiserver["pid"], signal.SIGKILL)

    broken = mintmaster("cluster", "status", "--name", "one")
    assert broken.returncode == 1
    assert "not ready, missing: the API server" in broken.stdout
    assert any(line.split()[:2] == ["kube-apiserver", "dead"] for line in broken.stdout.split("\n"))

    up = mintmaster(*arguments)
    assert up.returncode == 0, up.stderr
    assert "starting again what had died: kube-apiserver" in up.stderr
    assert one.status().ready
    assert "kept" in one.api.request("GET", "/api/v1/namespaces/kept")

    assert cluster.server != one.server
    one.down()
    assert cluster.status().ready


def test_programs_of_kubebuilder_assets_are_used(
    mintmaster: Command, tmp_path: Path, state: Path
) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    built = build.ensure(CONTROL_PLANE, silent)
    for name in ("etcd", "kube-apiserver"):
        (assets / name).symlink_to(built[name])

    up = mintmaster("cluster", "up", "--name", "assets", KUBEBUILDER_ASSETS=str(assets))

    assert up.returncode == 0, up.stderr
    assert f"processes on this machine, from {assets}" in up.stderr
    assert "has no kube-controller-manager: using v1.34.4" in up.stderr
    recipe = json.loads((state / "assets" / "components" / "kube-apiserver.json").read_text())
    assert recipe["argv"][0] == str(assets / "kube-apiserver")


def test_kubebuilder_assets_without_an_apiserver_are_refused(
    mintmaster: Command, tmp_path: Path
) -> None:
    up = mintmaster("cluster", "up", "--name", "assets", KUBEBUILDER_ASSETS=str(tmp_path))

    assert up.returncode == 1
    assert f"KUBEBUILDER_ASSETS is {tmp_path}" in up.stderr
    assert "missing: etcd, kube-apiserver, kube-controller-manager" in up.stderr


def test_a_component_that_dies_shows_the_end_of_its_log_and_nothing_is_left_running(
    mintmaster: Command, state: Path
) -> None:
    up = mintmaster("cluster", "up", "--name", "wrong", "--apiserver-arg=--no-such-flag=1")

    log = state / "wrong" / "logs" / "kube-apiserver.log"
    assert up.returncode == 1
    assert f"kube-apiserver ended by itself; last lines of {log}:" in up.stderr
    assert "unknown flag: --no-such-flag" in up.stderr
    assert log.exists()
    assert not any(component.running for component in LocalCluster.find("wrong").components)

    assert mintmaster("cluster", "down", "--name", "wrong").returncode == 0
    assert not (state / "wrong").exists()


def test_a_named_context_is_used_and_outlives_us(
    mintmaster: Command, cluster: LocalCluster, state: Path
) -> None:
    name = yaml.safe_load(cluster.kubeconfig.read_text())["current-context"]

    up = mintmaster(
        "cluster", "up", "--name", "used", "--context", name, KUBECONFIG=str(cluster.kubeconfig)
    )
    shown = status(mintmaster, "used")
    down = mintmaster("cluster", "down", "--name", "used")

    assert up.returncode == 0, up.stderr
    assert f"the existing cluster of the context {name}" in up.stderr
    assert shown["ready"]
    assert shown["server"] == cluster.server
    assert shown["components"] == []
    assert down.returncode == 0
    assert not (state / "used").exists()
    assert cluster.status().ready


def test_a_context_that_does_not_answer_is_said_at_once(
    mintmaster: Command, tmp_path: Path, state: Path
) -> None:
    config = {
        "contexts": [{"name": "gone", "context": {"cluster": "gone", "user": "me"}}],
        "users": [{"name": "me", "user": {"token": "none"}}],
        "clusters": [{"name": "gone", "cluster": {"server": "https://127.0.0.1:1"}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))

    up = mintmaster(
        "cluster", "up", "--name", "x", "--context", "gone", KUBECONFIG=str(tmp_path / "config")
    )

    assert up.returncode == 1
    assert "127.0.0.1:1" in up.stderr
    assert not (state / "x").exists()


@pytest.mark.parametrize("command", ["status", "kubeconfig"])
def test_a_cluster_that_is_not_there_is_an_error(mintmaster: Command, command: str) -> None:
    done = mintmaster("cluster", command, "--name", "absent")

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith('error: there is no cluster "absent"')


def test_wrong_usage_exits_with_2(mintmaster: Command) -> None:
    assert mintmaster("cluster", "sideways").returncode == 2
    assert mintmaster("cluster", "up", "--backend", "cloud").returncode == 2


def test_build_offers_kubectl_to_a_shell_that_has_none(mintmaster: Command, tmp_path: Path) -> None:
    kubectl = build.ensure([KUBECTL], silent)[KUBECTL.name]
    without, having = tmp_path / "without", tmp_path / "having"
    without.mkdir()
    having.mkdir()
    (having / "kubectl").symlink_to(kubectl)

    offered = mintmaster("cluster", "build", PATH=str(without))
    assert offered.stdout == f'export PATH={kubectl.parent}:"$PATH"\n', offered.stderr

    needless = mintmaster("cluster", "build", PATH=str(having))
    assert needless.returncode == 0, needless.stderr
    assert needless.stdout == ""
