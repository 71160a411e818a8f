"""What the package carries: the manifests as kustomize builds them, and all of them in the wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from mintmaster.api import crd
from mintmaster.cli import shipped
from mintmaster.cli.exits import Failure

if TYPE_CHECKING:
    from pathlib import Path

ROOT = shipped._folder().parent


def key(body: dict[str, Any]) -> tuple[str, str, str]:
    return str(body["kind"]), str(body["metadata"].get("namespace")), str(body["metadata"]["name"])


def kustomize_files(pattern: str) -> list[Path]:
    """The manifests but for what Helm, and a Prometheus without operator, take from a checkout."""
    from_checkout = {"chart", "monitoring"}
    folders = [
        it for it in (ROOT / "manifests").iterdir() if it.is_dir() and it.name not in from_checkout
    ]
    return [it for folder in folders for it in folder.rglob(pattern) if it.is_file()]


def kustomized(folder: Path, *components: str) -> list[dict[str, Any]]:
    """What kubectl makes of the base and some components."""
    said = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["manifests/base"],
        "components": [f"manifests/components/{name}" for name in components],
    }
    (folder / "manifests").symlink_to(ROOT / "manifests")
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(said))
    command = ["kubectl", "kustomize", "--load-restrictor=LoadRestrictionsNone", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [*yaml.safe_load_all(done.stdout)]


@pytest.mark.parametrize("components", [(), tuple(shipped.components())], ids=["base", "all"])
def test_manifests_are_built_as_kustomize_builds_them(
    tmp_path: Path, components: tuple[str, ...]
) -> None:
    built = {key(body): body for body in shipped.manifests(*components)}

    assert built == {key(body): body for body in kustomized(tmp_path, *components)}


def test_crds_are_those_of_the_models() -> None:
    assert {f"{body['spec']['names']['plural']}.yaml" for body in shipped.crds()} == set(
        crd.render()
    )


def test_everything_names_what_any_component_makes() -> None:
    named = {key(body) for body in shipped.everything()}

    # What is put into a namespace by whoever lists it goes with that namespace.
    for file in (it for it in kustomize_files("*.yaml") if it.parent.name != "namespace"):
        for body in yaml.safe_load_all(file.read_text()):
            if body["kind"] not in {"Kustomization", "Component"}:
                assert key(body) in named


def test_an_image_is_put_into_every_pod_of_ours() -> None:
    named = shipped.manifests("gate", image="registry.example.org/mintmaster:1")
    images = {
        container["image"]
        for body in named
        if body["kind"] == "Deployment"
        for container in body["spec"]["template"]["spec"]["containers"]
    }
    assert images == {"registry.example.org/mintmaster:1"}


def test_a_component_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(Failure, match=r"no component 'missing'; there are .*gate"):
        shipped.manifests("missing")


@pytest.mark.parametrize(
    "said",
    [
        {"patches": []},
        {"labels": [{"pairs": {}, "includeSelectors": True}], "resources": ["a.yaml"]},
    ],
)
def test_what_is_not_understood_of_kustomize_is_refused(
    tmp_path: Path, said: dict[str, Any]
) -> None:
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(said))
    (tmp_path / "a.yaml").write_text(yaml.safe_dump({"kind": "A", "metadata": {}}))

    with pytest.raises(Failure, match="kubectl apply -k"):
        shipped._built(tmp_path)


def test_the_wheel_carries_all_manifests_and_no_more_of_the_checkout(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)

    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        carried = set(archive.namelist())
    wanted = {f"mintmaster/shipped/{it.relative_to(ROOT)}" for it in kustomize_files("*")}
    assert wanted <= carried
    assert {it.partition("/")[0] for it in carried if ".dist-info" not in it} == {"mintmaster"}
