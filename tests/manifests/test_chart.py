"""The Helm chart: what it renders is what kustomize renders, and what can be set reaches the objects."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from manifests.helm import CHART, Helm
from manifests.installation import OVERLAY, ROOT
from manifests.rendering import Object, Rendered, render, render_everything, render_with

pytestmark = pytest.mark.timeout(1200)  # the first time, helm is built

EVERYTHING: Object = {"autoscaling": {"enabled": True}, "monitoring": {"enabled": True}}
NOTHING_MORE: Object = {
    "gate": {"enabled": False},
    "networkPolicies": {"enabled": False},
}
ROBOTS: Object = {
    "url": "https://robots.example.org",
    "signer": "Gate",
    "audiences": ["robots"],
}
KEEP = ("helm.sh/resource-policy", "keep")


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm.built(tmp_path_factory.mktemp("helm"))


def named(rendered: Rendered) -> dict[tuple[str, str, str], Object]:
    """The objects by kind, namespace and name; each of them once."""
    found: dict[tuple[str, str, str], Object] = {}
    for body in rendered.objects:
        meta = body["metadata"]
        found[body["kind"], meta.get("namespace", ""), meta["name"]] = body
    assert len(found) == len(rendered.objects)
    return found


def without_policy(body: Object) -> Object:
    """An object but for what tells Helm to keep it."""
    annotations = dict(body["metadata"].get("annotations", {}))
    annotations.pop(KEEP[0], None)
    metadata = {key: it for key, it in body["metadata"].items() if key != "annotations"}
    return body | {"metadata": metadata | ({"annotations": annotations} if annotations else {})}


def test_the_chart_is_what_the_manifests_say() -> None:
    command = [sys.executable, str(ROOT / "manifests" / "generate_chart.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_chart_that_differs_is_noticed(tmp_path: Path) -> None:
    copy = ["cp", "-r", str(ROOT / "manifests"), str(tmp_path)]
    subprocess.run(copy, check=True)
    (tmp_path / "manifests" / "chart" / "templates" / "base" / "more.yaml").write_text("{}\n")
    command = [sys.executable, str(tmp_path / "manifests" / "generate_chart.py")]
    check = subprocess.run([*command, "--check"], capture_output=True, text=True, check=False)
    assert check.returncode == 1
    assert "make crds" in check.stderr
    subprocess.run(command, check=True)
    subprocess.run([*command, "--check"], check=True)


def test_helm_finds_nothing_wrong(helm: Helm) -> None:
    assert "0 chart(s) failed" in helm.run("lint", "--strict", str(CHART))


def test_it_renders_the_overlay(helm: Helm) -> None:
    objects = [without_policy(it) for it in helm.render().objects]
    assert named(Rendered(objects)) == named(render(ROOT / OVERLAY))


def test_it_renders_all_components(helm: Helm, tmp_path: Path) -> None:
    objects = [without_policy(it) for it in helm.render(EVERYTHING).objects]
    assert named(Rendered(objects)) == named(render_everything(tmp_path))


def test_it_renders_shards(helm: Helm, tmp_path: Path) -> None:
    settings: Object = NOTHING_MORE | {"operator": {"shards": 2, "replicas": 3}}
    objects = [without_policy(it) for it in helm.render(settings).objects]
    assert named(Rendered(objects)) == named(render_with(tmp_path, "shards"))


@pytest.mark.parametrize(("shards", "replicas"), [(1, 0), (1, 2), (2, 2), (3, 3)])
def test_there_are_enough_pods_for_all_shards(helm: Helm, shards: int, replicas: int) -> None:
    rendered = helm.render({"operator": {"shards": shards, "replicas": min(replicas, 2)}})
    assert rendered.one("Deployment", "mintmaster-operator")["spec"]["replicas"] == replicas


@pytest.mark.parametrize(("overlay", "by_name"), [("listed-namespaces", False), ("hardened", True)])
def test_it_renders_the_overlays_of_listed_namespaces(
    helm: Helm, overlay: str, by_name: bool
) -> None:
    values = {"namespaces": ["mintmaster-api"], "secrets": {"byName": by_name}}
    objects = [without_policy(it) for it in helm.render(values).objects]
    assert named(Rendered(objects)) == named(render(ROOT / "manifests" / "overlays" / overlay))


def test_it_puts_roles_into_each_namespace_that_is_listed(helm: Helm) -> None:
    rendered = helm.render({"namespaces": ["team-a", "team-b"]})
    for process in ("operator", "gate"):
        name = f"mintmaster-{process}-namespaces"
        for kind in ("Role", "RoleBinding"):
            found = [it["metadata"] for it in rendered.of_kind(kind)]
            namespaces = {it["namespace"] for it in found if it["name"] == name}
            assert namespaces == {"mintmaster-system", "mintmaster-api", "team-a", "team-b"}
        (container,) = pod_of(rendered, process)["containers"]
        told = {it["name"]: it.get("value") for it in container["env"]}
        assert told["MINTMASTER_NAMESPACES"] == "team-a,team-b"


def test_secrets_are_read_by_name_in_the_whole_cluster_too(helm: Helm, tmp_path: Path) -> None:
    objects = [without_policy(it) for it in helm.render({"secrets": {"byName": True}}).objects]
    overlay = render_with(tmp_path, "secrets-by-name", base="overlays/whole-cluster")
    assert named(Rendered(objects)) == named(overlay)


def test_it_renders_the_base_alone(helm: Helm) -> None:
    objects = [without_policy(it) for it in helm.render(NOTHING_MORE).objects]
    assert named(Rendered(objects)) == named(render(ROOT / "manifests" / "base"))


def test_the_crds_are_those_beside_the_manifests(helm: Helm) -> None:
    text = helm.run("template", "mintmaster", str(CHART), "--include-crds")
    rendered = Rendered([it for it in yaml.safe_load_all(text) if it])
    texts = (file.read_text() for file in sorted((ROOT / "crds").glob("*.yaml")))
    assert rendered.of_kind("CustomResourceDefinition") == [yaml.safe_load(it) for it in texts]


def test_what_is_the_users_and_what_holds_keys_is_kept(helm: Helm) -> None:
    kept = {
        kind
        for (kind, _, _), body in named(helm.render()).items()
        if KEEP in body["metadata"].get("annotations", {}).items()
    }
    assert kept == {"Namespace", "TokenIssuer", "UserAccessToken"}


# What can be set ----------------------------------------------------------------------------------


def pod_of(rendered: Rendered, process: str) -> Any:
    return rendered.one("Deployment", f"mintmaster-{process}")["spec"]["template"]["spec"]


@pytest.mark.parametrize("process", ["operator", "gate"])
def test_pods_are_as_they_are_asked_for(helm: Helm, process: str) -> None:
    tolerations = [{"key": "dedicated", "operator": "Exists"}]
    settings = {
        "replicas": 5,
        "resources": {"limits": {"memory": "1Gi"}},
        "nodeSelector": {"disk": "fast"},
        "tolerations": tolerations,
        "priorityClassName": "system-cluster-critical",
    }
    image = {
        "repository": "images.example.org/mintmaster",
        "tag": "1.2.3",
        "pullPolicy": "Always",
        "pullSecrets": [{"name": "registry"}],
    }
    rendered = helm.render({process: settings, "image": image})
    assert rendered.one("Deployment", f"mintmaster-{process}")["spec"]["replicas"] == 5
    pod = pod_of(rendered, process)
    (container,) = pod["containers"]
    assert (container["image"], container["imagePullPolicy"]) == (
        "images.example.org/mintmaster:1.2.3",
        "Always",
    )
    assert container["resources"]["limits"] == {"memory": "1Gi"}
    assert (pod["nodeSelector"], pod["tolerations"]) == ({"disk": "fast"}, tolerations)
    assert pod["priorityClassName"] == "system-cluster-critical"
    assert pod["imagePullSecrets"] == [{"name": "registry"}]


def test_the_autoscaler_has_the_bounds_that_are_set(helm: Helm) -> None:
    bounds = {"enabled": True, "minReplicas": 3, "maxReplicas": 30}
    rendered = helm.render({"autoscaling": bounds})
    spec = rendered.one("HorizontalPodAutoscaler", "mintmaster-gate")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 30)


def test_an_issuer_is_changed_left_out_and_added(helm: Helm) -> None:
    issuers = {
        "default": {"url": "https://tokens.example.org", "deniedSubjects": ["user:eve@*"]},
        "applications": None,
        "robots": ROBOTS,
    }
    rendered = helm.render({"issuers": issuers})
    specs = {it["metadata"]["name"]: it["spec"] for it in rendered.of_kind("TokenIssuer")}
    assert set(specs) == {"default", "robots"}
    shipped = render(ROOT / OVERLAY).one("TokenIssuer", "default")["spec"]
    assert specs["default"] == shipped | issuers["default"]
    assert specs["robots"] == ROBOTS


def test_gates_mount_the_keys_of_the_issuers_that_they_sign_for(helm: Helm) -> None:
    pod = pod_of(helm.render({"issuers": {"robots": ROBOTS}}), "gate")
    secrets = {it["name"]: it["secret"]["secretName"] for it in pod["volumes"] if "secret" in it}
    assert secrets == {
        "tls": "mintmaster-gate-tls",
        "keys-applications": "mintmaster-issuer-applications",
        "keys-robots": "mintmaster-issuer-robots",
    }
    (container,) = pod["containers"]
    mounts = {it["name"]: it["mountPath"] for it in container["volumeMounts"]}
    assert mounts["keys-robots"] == "/etc/mintmaster/signing-keys/robots"


def test_the_values_that_the_page_shows_are_good(helm: Helm) -> None:
    page = (ROOT / "docs" / "helm.md").read_text()
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    rendered = helm.render(yaml.safe_load(text))
    urls = {it["metadata"]["name"]: it["spec"]["url"] for it in rendered.of_kind("TokenIssuer")}
    assert urls == {
        "default": "https://tokens.example.org",
        "applications": "https://apps.tokens.example.org",
    }
    (container,) = pod_of(rendered, "gate")["containers"]
    assert container["image"] == "images.example.org/mintmaster:1.2.3"


def test_a_release_without_the_admin_token(helm: Helm) -> None:
    assert helm.render({"adminToken": {"enabled": False}}).of_kind("UserAccessToken") == []


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"gates": {"enabled": True}}, "gates"),
        ({"gate": {"replicas": "two"}}, "replicas"),
        ({"gate": {"replicas": -1}}, "replicas"),
        ({"image": {"tag": 1.2}}, "tag"),
        ({"namespaces": "team-a"}, "namespaces"),
        ({"namespaces": ["team-*"]}, "namespaces/0"),
        ({"secrets": {"interval": "10 min"}}, "interval"),
        ({"secrets": {"interval": ""}}, "interval"),
        ({"issuers": {"robots": {"signer": "Gate", "audiences": ["robots"]}}}, "url"),
        ({"issuers": {"default": {"url": "http://tokens.example.org"}}}, "url"),
        ({"issuers": {"default": {"grant": []}}}, "grant"),
        ({"issuers": {"default": {"grants": [{"scope": ["api"]}]}}}, "scope"),
    ],
)
def test_values_that_make_no_sense_are_refused(helm: Helm, values: Object, named: str) -> None:
    done = helm.attempt("template", "mintmaster", str(CHART), values=values)
    assert done.returncode == 1
    assert f"'{named}'" in done.stderr or f"/{named}'" in done.stderr, done.stderr
