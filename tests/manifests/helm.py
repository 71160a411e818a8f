"""Helm, built from its Go module once and kept in the user's cache, as the programs of the control plane are."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from manifests.installation import ROOT
from manifests.rendering import Rendered
from mintmaster.localcluster import build
from mintmaster.localcluster.progress import silent
from mintmaster.localcluster.versions import KUBERNETES_VERSION, MINIMUM_GO, GoModule, Program

CHART = ROOT / "manifests" / "chart"
RELEASE = "mintmaster"

_VERSION = "3.22.0"
_MAJOR, _MINOR, _ = KUBERNETES_VERSION.split(".")
_CAPABILITIES = "helm.sh/helm/v3/pkg/chartutil"
_MODULE = GoModule(
    name="helm",
    path="helm.sh/helm/v3",
    version=_VERSION,
    language=".".join(str(it) for it in (*MINIMUM_GO, 0)),
    stamps=(
        ("helm.sh/helm/v3/internal/version.version", f"v{_VERSION}"),
        # Which Kubernetes `helm template` and `helm lint` suppose.
        (f"{_CAPABILITIES}.k8sVersionMajor", _MAJOR),
        (f"{_CAPABILITIES}.k8sVersionMinor", _MINOR),
    ),
)
_PROGRAM = Program("helm", _MODULE, "helm.sh/helm/v3/cmd/helm", minutes=3)


@dataclass(frozen=True)
class Helm:
    """The program, with settings and a cache of its own."""

    program: Path
    folder: Path
    kubeconfig: Path | None = None

    @classmethod
    def built(cls, folder: Path, kubeconfig: Path | None = None) -> "Helm":
        """Build the program, unless it is in the cache."""
        return cls(build.ensure([_PROGRAM], silent)[_PROGRAM.name], folder, kubeconfig)

    def attempt(self, *arguments: str, values: Any = None) -> "subprocess.CompletedProcess[str]":
        """Run helm with these values; a failure is for the caller to judge."""
        given = [] if values is None else ["--values=-"]
        homes = {f"HELM_{it}_HOME": str(self.folder / it) for it in ("CACHE", "CONFIG", "DATA")}
        return subprocess.run(
            [str(self.program), *arguments, *given],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "KUBECONFIG": str(self.kubeconfig),
                **homes,
            },
            input=yaml.safe_dump(values),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def run(self, *arguments: str, values: Any = None) -> str:
        """Run helm, which has to succeed without a warning, and return what it prints."""
        done = self.attempt(*arguments, values=values)
        assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stderr}"
        assert done.stderr == "", "helm, or the API server, warns"
        return done.stdout

    def render(self, values: Any = None) -> Rendered:
        """What a release is made of, but for the CRDs."""
        text = self.run("template", RELEASE, str(CHART), values=values)
        return Rendered([it for it in yaml.safe_load_all(text) if it])
