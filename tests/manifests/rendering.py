"""Manifests as kustomize renders them."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from manifests.installation import ROOT

Object = dict[str, Any]

OF_PROMETHEUS_OPERATOR = ("ServiceMonitor", "PrometheusRule")
"""Kinds that a cluster has only where somebody installed the Prometheus operator."""

COMPONENTS = ("gate", "compatible-apis", "autoscaling", "monitoring", "network-policies")
OF_MODES = ("listed-namespaces", "secrets-by-name")
"""Components that change what the others bring."""
OVERLAYS = ("whole-cluster", "listed-namespaces", "hardened")


@dataclass(frozen=True)
class Rendered:
    """All objects of one rendering."""

    objects: list[Object]

    def of_kind(self, kind: str) -> list[Object]:
        return [it for it in self.objects if it["kind"] == kind]

    def one(self, kind: str, name: str) -> Object:
        (found,) = (it for it in self.of_kind(kind) if it["metadata"]["name"] == name)
        return found

    @property
    def deployments(self) -> list[Object]:
        return self.of_kind("Deployment")

    def without(self, *kinds: str) -> str:
        """The text of all objects but those of these kinds."""
        return yaml.safe_dump_all(it for it in self.objects if it["kind"] not in kinds)


def render(folder: Path) -> Rendered:
    """Render a folder that has a kustomization."""
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "kustomize warns"
    return Rendered(list(yaml.safe_load_all(done.stdout)))


def render_everything(folder: Path, **fields: Any) -> Rendered:
    """Render the base with all components but shards, which few need."""
    return render_with(folder, *COMPONENTS, **fields)


def render_with(folder: Path, *components: str, base: str = "base", **fields: Any) -> Rendered:
    """Render the base with components, as somebody does who keeps this repository beside their own folder."""
    manifests = Path(os.path.relpath(ROOT / "manifests", folder))
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [str(manifests / base)],
        "components": [str(manifests / "components" / name) for name in components],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization | fields))
    return render(folder)
