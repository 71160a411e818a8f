"""An installation for listed namespaces, made as docs/install.md says; it can be hardened, and made what it was."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from manifests.audit import Access, AuditLog, requests_of
from manifests.installation import ROOT, SYSTEM, Installation, installed
from manifests.patience import until
from manifests.people import Object

Mode = Literal["listed", "hardened"]

TEAMS = ("team-a", "team-b")
SERVED = (SYSTEM, "mintmaster-api", *TEAMS)
OUTSIDE = "older"
"""A namespace that is not listed, with resources of ours and a Secret with our labels."""

_PAGE = (ROOT / "docs" / "install.md").read_text()
_ACCOUNTS = {it: f"system:serviceaccount:{SYSTEM}:mintmaster-{it}" for it in ("operator", "gate")}


def written(folder: Path, mode: Mode) -> Path:
    """Write the kustomizations that the page shows, beside a clone of the repository."""
    shown = re.findall(r"```yaml\n(# (?:team-a/)?kustomization\.yaml\b.*?)```", _PAGE, re.DOTALL)
    (team,) = (it for it in shown if "namespace: team-a" in it)
    (whole,) = (it for it in shown if "MINTMASTER_NAMESPACES" in it)
    if mode == "hardened":
        whole = whole.replace("# - mintmaster/", "- mintmaster/")
    for name in TEAMS:
        (folder / name).mkdir(parents=True)
        _write(folder / name, team.replace("team-a", name))
    return _write(folder, whole)


def _write(folder: Path, text: str) -> Path:
    clone = os.path.relpath(ROOT, folder)
    said = re.sub(r"- (\.\./)?mintmaster/manifests/", f"- {clone}/manifests/", text)
    (folder / "kustomization.yaml").write_text(said)
    return folder


@dataclass
class Confined:
    """The installation, and what the API server wrote down about the accounts of its processes."""

    installation: Installation
    audit: AuditLog
    folders: dict[Mode, Path]
    mode: Mode = "listed"

    def put_into(self, mode: Mode) -> None:
        """Apply the other kustomization, unless it is in force."""
        if mode != self.mode:
            self.installation.admin.kubectl(
                *("apply", "--server-side", "--force-conflicts", "--warnings-as-errors"),
                *("-k", str(self.folders[mode])),
            )
            self.mode = mode
        until(lambda: self._may_list() is (mode == "listed"), "the Roles count")

    def _may_list(self) -> bool:
        admin, right = self.installation.administrator, {"verb": "list", "resource": "secrets"}
        return admin.may(_ACCOUNTS["operator"], namespace=TEAMS[-1], **right)

    def asked_by(self, process: str) -> list[Access]:
        """Every request of a process about objects so far."""
        return [it for it in self.audit.all() if it.user == _ACCOUNTS[process]]


@contextmanager
def confined(folder: Path) -> Iterator[Confined]:
    """Install on a cluster of its own."""
    modes: tuple[Mode, ...] = ("listed", "hardened")
    folders = {mode: written(folder / mode, mode) for mode in modes}
    audit = AuditLog(folder)
    arguments = audit.arguments(requests_of(*_ACCOUNTS.values()))
    with installed(
        folder, *arguments, overlay=str(folders["listed"]), namespaces=TEAMS
    ) as installation:
        yield Confined(installation, audit, folders)


def role_bindings(namespace: str) -> list[Object]:
    """What binds the operator's Role in a namespace, as it is shipped."""
    bodies = yaml.safe_load_all((ROOT / "manifests" / "namespace" / "operator.yaml").read_text())
    found = [it for it in bodies if it["kind"] == "RoleBinding"]
    for body in found:
        body["metadata"]["namespace"] = namespace
    return found
