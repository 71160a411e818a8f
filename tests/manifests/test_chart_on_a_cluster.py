"""The Helm chart on a real API server: installed, upgraded, uninstalled and installed again, without a warning."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from manifests.helm import CHART, RELEASE, Helm
from manifests.installation import SYSTEM, TIMEOUT, Installation, User
from manifests.people import administrator
from mintmaster.localcluster.api_access import CertificateAccess
from mintmaster.localcluster.cluster import LocalCluster

pytestmark = pytest.mark.timeout(1200)  # the first time, helm is built

RUNNER = """
apiVersion: mintmaster.dev/v1alpha1
kind: RunnerRegistration
metadata: {name: builder, namespace: default}
spec: {type: Instance}
"""

WHAT_STAYS = (
    "crd",
    "tokenissuer",
    "runnerregistration",
    "useraccesstoken",
    "namespace",
    "secret",
)


@pytest.fixture
def empty(disposable_cluster: LocalCluster, tmp_path: Path) -> Iterator[Installation]:
    """A cluster on which nothing is installed yet."""
    access = disposable_cluster.api
    assert isinstance(access, CertificateAccess)
    with administrator(access) as person:
        admin = User(disposable_cluster.kubectl, disposable_cluster.kubeconfig)
        yield Installation(admin, person, tmp_path)


HOME = ("--namespace", "kube-system")
"""Where Helm keeps its records; the namespaces of ours are part of the release."""


def install(helm: Helm, *options: str) -> None:
    """Install as docs/helm.md says."""
    said = helm.run("install", RELEASE, str(CHART), *(options or HOME))
    assert "STATUS: deployed" in said
    assert "mintmaster-gate-tls" in said


def what_stays(admin: User) -> set[tuple[str, str]]:
    """The names and UIDs of everything that outlives a release; Helm's own records do not."""
    found = (it for kind in WHAT_STAYS for it in admin.read(kind, "--all-namespaces")["items"])
    return {
        (it["metadata"]["name"], it["metadata"]["uid"])
        for it in found
        if it.get("type") != "helm.sh/release.v1"
    }


def policies(admin: User) -> set[str]:
    found = admin.read("validatingadmissionpolicies,deployments", "--all-namespaces")["items"]
    return {it["metadata"]["name"] for it in found}


def token_of_the_runner(admin: User) -> tuple[int, str]:
    """The revision of the token, and the Secret's version."""
    revision = int(admin.read("rr/builder")["status"]["revision"])
    return revision, admin.read("secret/builder-token")["metadata"]["resourceVersion"]


def describe_the_runner(admin: User) -> None:
    """Make an edit that needs no new token, and wait until the operator has seen it."""
    patch = '{"spec": {"description": "seen"}}'
    admin.kubectl("patch", "rr/builder", "--type=merge", "--patch", patch)
    generation = admin.read("rr/builder")["metadata"]["generation"]
    await_observed(admin, "rr/builder", generation)


def await_observed(admin: User, name: str, generation: int) -> None:
    observed = f"--for=jsonpath={{.status.observedGeneration}}={generation}"
    admin.kubectl("wait", name, observed, TIMEOUT)


def test_a_release_comes_changes_goes_and_comes_back(empty: Installation, tmp_path: Path) -> None:
    admin = empty.admin
    helm = Helm.built(tmp_path / "helm", admin.kubeconfig)
    install(helm)
    labels = admin.read("namespace", SYSTEM)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    with empty.operator_running():
        admin.kubectl("apply", "--server-side", "-f", "-", text=RUNNER)
        admin.kubectl("wait", "--for=condition=Ready", "rr/builder", TIMEOUT)
        admin.kubectl("wait", "--for=condition=Ready", "-n", SYSTEM, "uat", "--all", TIMEOUT)
        issued = token_of_the_runner(admin)
        before = what_stays(admin)

        narrowed = {"issuers": {"default": {"deniedSubjects": ["user:eve@*"]}}}
        helm.run(
            "upgrade", RELEASE, str(CHART), *HOME, values=narrowed | {"image": {"tag": "next"}}
        )
        issuer = admin.read("tokenissuer/default")
        assert issuer["spec"]["deniedSubjects"] == ["user:eve@*"]
        await_observed(admin, "tokenissuer/default", issuer["metadata"]["generation"])

    installed = policies(admin)
    assert {"mintmaster-operator", "status.mintmaster.dev"} <= installed
    helm.run("uninstall", RELEASE, *HOME)
    assert policies(admin) == set()
    assert what_stays(admin) == before
    install(helm)
    assert policies(admin) == installed
    with empty.operator_running():
        describe_the_runner(admin)
        assert what_stays(admin) == before
        assert token_of_the_runner(admin) == issued


def test_crds_are_upgraded_by_kubectl_before_the_release(
    empty: Installation, tmp_path: Path
) -> None:
    helm = Helm.built(tmp_path / "helm", empty.admin.kubeconfig)
    empty.admin.kubectl("create", "namespace", SYSTEM)
    install(helm, "--namespace", SYSTEM, "--take-ownership")
    empty.admin.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--warnings-as-errors"),
        *("-f", str(CHART / "crds")),
    )
    helm.run("upgrade", RELEASE, str(CHART), "--namespace", SYSTEM)
