"""What a node is told, where its pods are accounted for, what a machine lacks; the node itself is run by tests/e2e."""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from mintmaster.localcluster import certificates, node, node_cgroup, node_space
from mintmaster.localcluster.errors import BackendError
from mintmaster.localcluster.node_files import NodeFiles


@pytest.fixture
def files(tmp_path: Path) -> NodeFiles:
    made = NodeFiles(tmp_path / "node", certificates.issue(tmp_path / "pki"))
    made.write("https://127.0.0.1:6443", "docker.io/example/pause:1", "/pods", "native")
    return made


def test_everybody_on_a_node_talks_to_the_api_server_as_themselves(files: NodeFiles) -> None:
    pki = files.certificates
    names = {}
    for who in (pki.scheduler, pki.kubelet, pki.kube_proxy):
        config = yaml.safe_load(files.kubeconfig(who).read_text())
        assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6443"
        subject = x509.load_pem_x509_certificate(who.certificate.read_bytes()).subject
        names[who.key.stem] = subject.rfc4514_string()

    assert names == {
        "scheduler": "CN=system:kube-scheduler",
        "kubelet": "O=system:nodes,CN=system:node:mintmaster-node",
        "kube-proxy": "CN=system:kube-proxy",
    }


def test_the_api_server_can_prove_itself_to_pods(files: NodeFiles) -> None:
    serving = files.certificates.serving.certificate.read_bytes()
    extension = x509.load_pem_x509_certificate(serving).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )

    addresses = extension.value.get_values_for_type(x509.IPAddress)
    assert {str(address) for address in addresses} == {"127.0.0.1", "10.96.0.1"}


def test_the_kubelet_lets_nobody_in_unasked(files: NodeFiles) -> None:
    settings = yaml.safe_load(files.kubelet.read_text())

    assert settings["authentication"]["anonymous"] == {"enabled": False}
    assert settings["authorization"] == {"mode": "Webhook"}
    assert settings["cgroupRoot"] == "/pods"


def test_containerd_is_told_the_images_and_folders_of_its_node(files: NodeFiles) -> None:
    settings = files.containerd.read_text()

    assert 'sandbox_image = "docker.io/example/pause:1"' in settings
    assert 'snapshotter = "native"' in settings
    assert f'root = "{files.folder}/containerd"' in settings


def test_a_cgroup_of_version_1_is_made_in_every_hierarchy_and_can_be_joined(tmp_path: Path) -> None:
    for hierarchy in ("cpuset", "memory"):
        (tmp_path / hierarchy).mkdir()
    (tmp_path / "cpuset" / "cpuset.cpus").write_text("0-1")
    (tmp_path / "cpuset" / "cpuset.mems").write_text("0")
    (tmp_path / "another-name").symlink_to("memory")

    node_cgroup.make("pods", tmp_path)

    assert (tmp_path / "memory" / "pods").is_dir()
    assert (tmp_path / "cpuset" / "pods" / "cpuset.cpus").read_text() == "0-1"
    assert (tmp_path / "cpuset" / "pods" / "cpuset.mems").read_text() == "0"


def test_a_cgroup_of_version_2_passes_controllers_on(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory")

    node_cgroup.make("pods", tmp_path)

    assert (tmp_path / "pods").is_dir()
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +memory"


def test_a_cgroup_is_removed_with_all_below_it(tmp_path: Path) -> None:
    (tmp_path / "memory" / "pods" / "burstable" / "one").mkdir(parents=True)
    (tmp_path / "memory" / "of-others").mkdir()

    node_cgroup.remove("pods", tmp_path)
    node_cgroup.remove("pods", tmp_path)

    assert [path.name for path in (tmp_path / "memory").iterdir()] == ["of-others"]


def test_processes_in_a_cgroup_are_ended(tmp_path: Path) -> None:
    below = tmp_path / "memory" / "pods" / "one"
    below.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as process:
        (below / "cgroup.procs").write_text(f"{process.pid}\n")

        node_cgroup.kill("/pods", tmp_path)

        assert process.wait(30) == -9


def test_the_name_of_an_image_is_read_from_its_archive(tmp_path: Path) -> None:
    manifest = json.dumps([{"RepoTags": ["docker.io/example/pause:1"]}]).encode()
    entry = tarfile.TarInfo("manifest.json")
    entry.size = len(manifest)
    with tarfile.open(tmp_path / "image.tar", "w") as archive:
        archive.addfile(entry, io.BytesIO(manifest))

    assert node.image_name(tmp_path / "image.tar") == "docker.io/example/pause:1"


def test_who_is_not_root_is_told_what_a_node_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert node_space.main(["true"]) == 2
    assert "a node takes root" in capsys.readouterr().err


def test_a_node_is_not_started_among_the_machines_own_processes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: Callable[[str, str], Path]
) -> None:
    for name in node.INSTALLED:
        program(name, "exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.delenv(node.CGROUP_VARIABLE, raising=False)

    with pytest.raises(BackendError, match=r"^it is started with: python -m"):
        node.Node.up(NotImplemented, tmp_path / "pause.tar")


def test_the_cluster_of_a_node_tells_pods_where_it_is() -> None:
    spec = node.cluster_spec("example")

    assert "--advertise-address=10.250.0.1" in spec.apiserver_args
    assert spec.temporary
