"""Argo CD's view of a resource: the health check that we ship, run as Argo CD runs it, by Lua 5.1."""

from functools import cache
from typing import Any

import yaml
from lupa import lua51  # type: ignore[import-untyped]  # it has no types

from manifests.installation import ROOT

CONFIG = ROOT / "examples" / "gitops-argocd" / "argocd-cm.yaml"
_PREFIX = "resource.customizations.health.mintmaster.dev_"


@cache
def checks() -> dict[str, str]:
    """The text of the check of each kind."""
    data: dict[str, str] = yaml.safe_load(CONFIG.read_text())["data"]
    assert all(key.startswith(_PREFIX) for key in data)
    return {key.removeprefix(_PREFIX): text for key, text in data.items()}


def health(resource: dict[str, Any]) -> tuple[str, str]:
    """Status and message that Argo CD shows for a resource."""
    lua = lua51.LuaRuntime(register_eval=False, register_builtins=False)
    check = lua.eval(f"function(obj) {checks()[resource['kind']]} end")
    found = check(lua.table_from(resource, recursive=True))
    return str(found["status"]), str(found["message"])
