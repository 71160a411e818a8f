"""The fixtures, and the ways to harm a component; the last tests run pytest on its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mintmaster.localcluster import control_plane, ports
from mintmaster.localcluster.cluster import LocalCluster
from mintmaster.localcluster.errors import ClusterError, NotReadyError, RequestError
from mintmaster.localcluster.paths import ClusterPaths
from mintmaster.localcluster.pytest_plugin import StartCluster, namespace_name

PROMPT_SECONDS = 60.0

PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")

INNER_TEST = """
import pathlib, time

def test_waits(cluster, namespace):
    pathlib.Path({marker!r}).write_text(namespace)
    time.sleep(600)
"""

INNER_CONTEXT_TEST = """
def test_uses(cluster):
    assert cluster.server == {server!r}
    assert {namespace!r} in cluster.api.request("GET", "/api/v1/namespaces")
"""


def test_a_namespace_is_named_after_the_test(cluster: LocalCluster, namespace: str) -> None:
    found = json.loads(cluster.api.request("GET", f"/api/v1/namespaces/{namespace}"))

    assert namespace.startswith("test-a-namespace-is-named-after-the-test-")
    assert found["status"]["phase"] == "Active"


def test_names_of_namespaces_are_labels_and_differ() -> None:
    first, second = (namespace_name("test_x[Ünicode/" + "y" * 80 + "]") for _ in range(2))

    assert first != second
    assert len(first) <= 63
    assert first.startswith("test-x-nicode-yyy")


def test_a_component_is_killed_and_started_again_on_its_port(
    disposable_cluster: LocalCluster, cluster: LocalCluster
) -> None:
    apiserver = disposable_cluster.component("kube-apiserver")
    server = disposable_cluster.server

    apiserver.kill()
    with pytest.raises(RequestError, match="does not answer"):
        disposable_cluster.api.request("GET", "/version")
    assert not apiserver.running
    with pytest.raises(ClusterError, match="does not run"):
        apiserver.pause()
    apiserver.start()
    apiserver.wait_ready()

    assert disposable_cluster.server == server
    assert "v1.34" in disposable_cluster.api.request("GET", "/version")
    assert cluster.status().ready

    etcd = disposable_cluster.component("etcd")
    etcd.pause()
    with pytest.raises(NotReadyError, match="etcd is not ready"):
        etcd.wait_ready(timeout=0)
    assert etcd.running
    etcd.resume()
    etcd.wait_ready()

    manager = disposable_cluster.component("kube-controller-manager")
    manager.stop()
    status = disposable_cluster.status()
    assert not status.ready
    assert status.missing == "kube-controller-manager"
    with pytest.raises(ClusterError, match="no component kubelet"):
        disposable_cluster.component("kubelet")


def test_a_port_that_somebody_took_meanwhile_is_changed_for_another(
    start_cluster: StartCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        second = ports.free(4)
        offers = iter([[*ports.free(2), port, *ports.free(1)], second])
        monkeypatch.setattr(ports, "free", lambda _count: next(offers))

        started = start_cluster()

    assert started.server == f"https://{ports.LOOPBACK}:{second[2]}"


def test_a_named_context_is_tested_on_if_the_option_says_so(
    cluster: LocalCluster, namespace: str, tmp_path: Path, state: Path
) -> None:
    test = tmp_path / "test_inner.py"
    test.write_text(INNER_CONTEXT_TEST.format(server=cluster.server, namespace=namespace))

    done = run_pytest(
        test, f"--mintmaster-context={cluster.name}", KUBECONFIG=str(cluster.kubeconfig)
    )

    assert "1 passed" in done.stdout
    assert list(state.iterdir()) == []
    assert cluster.status().ready


@pytest.mark.usefixtures("state")
def test_a_build_is_announced_past_the_capturing_of_output(
    program: Callable[[str, str], Path], tmp_path: Path
) -> None:
    program("go", '[ "$1" = env ] && { echo go1.26.8; exit; }; echo "out of memory"; exit 1')
    test = tmp_path / "test_inner.py"
    test.write_text(INNER_TEST.format(marker="never"))

    done = run_pytest(test, XDG_CACHE_HOME=str(tmp_path / "cache"))

    assert "mintmaster: building etcd v3.6.16 with Go 1.26.8 (first time only" in done.stdout
    assert "out of memory" in done.stdout
    assert "1 error" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_leaves_nothing(
    number: signal.Signals, tmp_path: Path, state: Path
) -> None:
    marker = tmp_path / "marker"
    test = tmp_path / "test_inner.py"
    test.write_text(INNER_TEST.format(marker=str(marker)))
    environment = os.environ | {"KUBECONFIG": "/nowhere"}
    with subprocess.Popen(
        [*PYTEST, str(test)], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL
    ) as inner:
        wait_until(marker.exists)
        (folder,) = state.iterdir()
        components = control_plane.components(ClusterPaths(folder))
        processes = [component.process for component in components]

        inner.send_signal(number)

    assert len(processes) == 3
    wait_until(lambda: not folder.exists())
    assert not any(process and process.alive for process in processes)


def run_pytest(
    test: Path, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PYTEST, str(test), *arguments],
        cwd=test.parent,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PROMPT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
