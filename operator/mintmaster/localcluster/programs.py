"""Where the programs of a control plane come from, and kubectl with them."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from mintmaster.localcluster import build
from mintmaster.localcluster.errors import BackendError
from mintmaster.localcluster.versions import (
    APISERVER,
    CONTROLLER_MANAGER,
    ETCD,
    KUBE_PROXY,
    KUBECTL,
    KUBELET,
    SCHEDULER,
    Program,
)

if TYPE_CHECKING:
    from mintmaster.localcluster.progress import Say

ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"
"""Names the folder with programs, as for controller-runtime's envtest."""

CONTROL_PLANE: tuple[Program, ...] = (ETCD, APISERVER, CONTROLLER_MANAGER)
"""What a control plane consists of."""

NODE: tuple[Program, ...] = (SCHEDULER, KUBELET, KUBE_PROXY)
"""What has to be added so that pods run; only who asks for a node builds it."""


def from_go(say: "Say") -> dict[str, Path]:
    """Build the programs, unless they are in the cache."""
    return build.ensure(CONTROL_PLANE, say)


def from_assets(say: "Say") -> dict[str, Path]:
    """Take the programs of $KUBEBUILDER_ASSETS.

    envtest's archives have no controller manager: where it is missing, ours is built.
    """
    folder = assets_folder()
    found = {program.name: folder / program.name for program in CONTROL_PLANE}
    missing = [program for program in CONTROL_PLANE if not found[program.name].exists()]
    if not {program.name for program in missing} <= {CONTROLLER_MANAGER.name}:
        names = ", ".join(program.name for program in missing)
        raise BackendError(f"{ASSETS_VARIABLE} is {folder}, where these are missing: {names}")
    for program in missing:
        say(f"{folder} has no {program.name}: using v{program.module.version} built by Go")
    return found | build.ensure(missing, say)


def assets_folder() -> Path:
    """Give the folder that $KUBEBUILDER_ASSETS names."""
    value = os.environ.get(ASSETS_VARIABLE)
    if not value:
        raise BackendError(f"{ASSETS_VARIABLE} does not name a folder")
    return Path(value)


def kubectl(say: "Say") -> Path:
    """Find kubectl on PATH, else in $KUBEBUILDER_ASSETS; where it is missing, build it."""
    found = shutil.which("kubectl") or shutil.which("kubectl", path=os.environ.get(ASSETS_VARIABLE))
    return Path(found) if found else build.ensure([KUBECTL], say)[KUBECTL.name]
