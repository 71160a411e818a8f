"""`mintmaster install`, `uninstall` and `doctor` on real API servers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from api.api_server import kubectl
from cli.installation import URL, does, run
from manifests.installation import ROOT
from mintmaster.cli import shipped

if TYPE_CHECKING:
    from pathlib import Path

RUNNER = """
apiVersion: mintmaster.dev/v1alpha1
kind: RunnerRegistration
metadata: {name: build, namespace: default}
spec: {type: Instance}
"""


def get(kubeconfig: Path, *what: str) -> Any:
    done = kubectl(kubeconfig, "get", *what, "-o", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def problems(kubeconfig: Path) -> dict[str, list[str]]:
    """What the doctor finds wrong: subject to texts."""
    found: dict[str, list[str]] = {}
    done = run(kubeconfig, "doctor", "-o", "json")
    for finding in json.loads(done.stdout)["findings"]:
        if finding["level"] == "problem":
            assert finding["action"], "each problem says what to do"
            found.setdefault(finding["subject"], []).append(finding["text"])
    assert done.exit_code == (1 if found else 0)
    return found


def test_everything_is_installed_and_again_nothing_changes(installed: Path) -> None:
    assert get(installed, "tokenissuer", "default")["spec"]["url"] == URL
    for what in ("deployment/mintmaster-gate", "useraccesstoken/mintmaster-admin"):
        get(installed, "-n", "mintmaster-system", what)

    again = does(installed, "install", "--with", "gate").splitlines()

    assert len(again) == len(shipped.crds()) + len(shipped.manifests("gate"))
    assert [it for it in again if not it.endswith(("unchanged", "left as it is"))] == []


def test_issuers_that_exist_are_the_users(installed: Path) -> None:
    patch = '{"spec": {"deniedSubjects": ["user:eve@*"]}}'
    kubectl(installed, "patch", "tokenissuer", "default", "--type=merge", "--patch", patch)

    said = does(installed, "install", "--force-conflicts")

    assert "tokenissuer.mintmaster.dev/default left as it is" in said
    assert get(installed, "tokenissuer", "default")["spec"]["deniedSubjects"] == ["user:eve@*"]


def test_what_others_manage_is_taken_over_only_when_told(installed: Path) -> None:
    patch = '[{"op": "replace", "path": "/rules/0/verbs", "value": ["get"]}]'
    kubectl(installed, "patch", "clusterrole", "mintmaster-view", "--type=json", "--patch", patch)

    done = run(installed, "install")
    assert done.exit_code == 1
    assert "clusterrole.rbac.authorization.k8s.io/mintmaster-view: " in done.stderr
    assert "--force-conflicts" in done.stderr

    said = does(installed, "install", "--force-conflicts")
    assert "clusterrole.rbac.authorization.k8s.io/mintmaster-view configured" in said
    assert "watch" in get(installed, "clusterrole", "mintmaster-view")["rules"][0]["verbs"]


def test_policies_that_kubectl_applied_are_no_conflict(installed: Path) -> None:
    policies = str(ROOT / "manifests" / "base" / "admission")
    applied = kubectl(installed, "apply", "--server-side", "-k", policies)
    assert applied.returncode == 0, applied.stderr

    assert "validatingadmissionpolicy" in does(installed, "install")


def test_a_component_whose_kind_is_unknown_is_told(installed: Path) -> None:
    done = run(installed, "install", "--with", "monitoring")

    assert done.exit_code == 1
    assert "ServiceMonitor" in done.stderr


def test_uninstalling_leaves_what_is_the_users(installed: Path) -> None:
    assert kubectl(installed, "apply", "-f", "-", text=RUNNER).returncode == 0
    ours = ("label", "clusterrole", "mintmaster-approver", "app.kubernetes.io/part-of-")
    assert kubectl(installed, *ours).returncode == 0

    done = run(installed, "uninstall")

    assert done.exit_code == 0, done.output
    for kept in ("rr/build", "tokenissuer/default", "namespace/mintmaster-system"):
        get(installed, kept)
    for gone in ("clusterrole/mintmaster-gate", "validatingadmissionpolicy/status.mintmaster.dev"):
        assert kubectl(installed, "get", gone).returncode == 1
    assert "mintmaster-approver left as it is" in done.stderr


ROLES_OF_A_NAMESPACE = str(ROOT / "manifests" / "namespace")
BOTH = "role,rolebinding"


def test_uninstalling_takes_its_roles_out_of_listed_namespaces(installed: Path) -> None:
    for name in ("team-a", "team-b"):
        assert kubectl(installed, "create", "namespace", name).returncode == 0
        applied = kubectl(installed, "apply", "-n", name, "-k", ROLES_OF_A_NAMESPACE)
        assert applied.returncode == 0, applied.stderr
    assert len(get(installed, "-n", "team-b", BOTH)["items"]) == 4
    foreign = ("label", "role", "-n", "team-b", "mintmaster-gate-namespaces")
    assert kubectl(installed, *foreign, "app.kubernetes.io/part-of-").returncode == 0

    done = run(installed, "uninstall")

    assert done.exit_code == 0, done.output
    roles = "rbac.authorization.k8s.io/mintmaster-operator-namespaces in team-a deleted"
    assert {f"role.{roles}", f"rolebinding.{roles}"} <= {*done.stdout.splitlines()}
    assert get(installed, "-n", "team-a", BOTH)["items"] == []
    (left,) = get(installed, "-n", "team-b", BOTH)["items"]
    assert left["metadata"]["name"] == "mintmaster-gate-namespaces"
    assert "mintmaster-gate-namespaces in team-b left as it is" in done.stderr


def test_resources_are_deleted_only_when_told_twice(installed: Path) -> None:
    assert kubectl(installed, "apply", "-f", "-", text=RUNNER).returncode == 0

    for confirm in ((), ("--confirm", "yes")):
        done = run(installed, "uninstall", "--delete-resources", *confirm)
        assert done.exit_code == 2
        assert "this deletes 1 RunnerRegistration, 1 UserAccessToken, 2 TokenIssuers" in done.stderr
        get(installed, "rr", "build")
        get(installed, "clusterrole", "mintmaster-operator")

    does(installed, "uninstall", "--delete-resources", "--confirm", "mintmaster.dev")
    assert kubectl(installed, "get", "rr").returncode == 1
    assert "no resources" in run(installed, "uninstall", "--delete-resources").stderr
    namespaces = ("namespace/mintmaster-system", "namespace/mintmaster-api")
    gone = kubectl(installed, "wait", "--for=delete", *namespaces, "--timeout=60s")
    assert gone.returncode == 0, gone.stderr


def test_the_doctor_finds_what_is_wrong(installed: Path) -> None:
    assert set(problems(installed)) == {"operator", "issuer default", "issuer default keys"}

    kubectl(installed, "delete", "validatingadmissionpolicybinding", "deliver.mintmaster.dev")
    role = ("clusterrole", "mintmaster-operator")
    patch = '[{"op": "replace", "path": "/rules/0/verbs", "value": ["get"]}]'
    kubectl(installed, "patch", *role, "--type=json", "--patch", patch)
    crd = ("crd", "tokenissuers.mintmaster.dev")
    patch = '[{"op": "remove", "path": "/spec/versions/0/additionalPrinterColumns"}]'
    kubectl(installed, "patch", *crd, "--type=json", "--patch", patch)

    found = problems(installed)
    assert (
        "1 of 14 policies are missing or not bound (deliver.mintmaster.dev)"
        in found["admission"][0]
    )
    assert "may not list tokenissuers.mintmaster.dev" in found["operator's rights"][0]
    assert found["CRDs"] == ["tokenissuers.mintmaster.dev is of another version than this program"]


def test_the_doctor_names_each_shard_and_its_leader(installed: Path) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    held = {"holderIdentity": "one", "leaseDurationSeconds": 3600, "renewTime": now}
    for name, spec in (("mintmaster-operator", held), ("mintmaster-operator-2", {})):
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": name,
                "namespace": "mintmaster-system",
                "annotations": {"mintmaster.dev/shards": "3"},
            },
            "spec": spec,
        }
        made = kubectl(installed, "apply", "-f", "-", text=json.dumps(lease))
        assert made.returncode == 0, made.stderr

    found = problems(installed)

    assert "operator shard 1/3" not in found
    assert "has given its Lease away" in found["operator shard 2/3"][0]
    assert found["operator shard 3/3"] == ["it has never had a leader"]


def test_the_doctor_says_what_is_not_installed(bare: Path) -> None:
    found = problems(bare)

    assert found["CRDs"] == [f"{crd['metadata']['name']} is missing" for crd in shipped.crds()]
    assert "no operator has ever led" in found["operator"][0]
    assert found["admission"]


def test_what_is_printed_is_not_applied(bare: Path) -> None:
    printed = [*yaml.safe_load_all(does(bare, "install", "--print", "--image", "example.org/m:1"))]

    assert len(printed) == len(shipped.crds()) + len(shipped.manifests())
    assert any("example.org/m:1" in json.dumps(body) for body in printed)
    assert kubectl(bare, "get", "namespace", "mintmaster-system").returncode == 1


@pytest.mark.parametrize("said", ["default", "unknown=https://tokens.example.org"])
def test_a_url_for_no_shipped_issuer_is_wrong_usage(bare: Path, said: str) -> None:
    done = run(bare, "install", "--issuer-url", said)

    assert done.exit_code == 2
    assert "default=URL or applications=URL" in done.stderr


def test_a_component_that_there_is_not_is_told_before_anything_is_done(bare: Path) -> None:
    done = run(bare, "install", "--with", "missing")

    assert done.exit_code == 1
    assert "no component 'missing'" in done.stderr
    assert kubectl(bare, "get", "crd", "tokenissuers.mintmaster.dev").returncode == 1


def test_without_crds_every_command_says_how_to_get_them(bare: Path) -> None:
    for command in (("runner", "list"), ("runner", "show", "x"), ("issuer", "list")):
        done = run(bare, *command)
        assert done.exit_code == 3
        assert "mintmaster install" in done.stderr
