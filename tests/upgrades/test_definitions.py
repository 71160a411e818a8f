"""Today's CRDs take everything that those of earlier versions took, but for what is said here and in the changelog."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from upgrades.compatibility import breaks
from upgrades.sample import ROOT, SAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

VERSIONS = sorted(path.name for path in SAMPLES.iterdir() if path.is_dir())

TIGHTENED: Mapping[str, frozenset[str]] = {}
"""By file, lines of `breaks` that were decided on; each stands in the changelog, with what to do beforehand."""


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_is_gone_and_nothing_is_tighter(version: str) -> None:
    files = sorted((SAMPLES / version / "crds").glob("*.yaml"))
    assert len(files) >= 4
    for old in files:
        found = set(breaks(read(old), read(ROOT / "crds" / old.name)))
        assert found <= TIGHTENED.get(old.name, frozenset()), old.name


def test_there_are_samples() -> None:
    assert VERSIONS


def _spec(crd: Any) -> Any:
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


def _without_field(crd: Any) -> None:
    del _spec(crd)["properties"]["suspend"]


def _shorter(crd: Any) -> None:
    _spec(crd)["properties"]["description"]["maxLength"] = 10


def _required(crd: Any) -> None:
    _spec(crd)["required"] = [*_spec(crd).get("required", ()), "description"]


def _fewer_values(crd: Any) -> None:
    _spec(crd)["properties"]["type"]["enum"].remove("Group")


def _rule(crd: Any) -> None:
    _spec(crd)["x-kubernetes-validations"].append({"rule": "false", "message": "never"})


def _other_type(crd: Any) -> None:
    _spec(crd)["properties"]["suspend"]["type"] = "string"


def _deeper(crd: Any) -> None:
    del _spec(crd)["properties"]["token"]["properties"]["overlap"]


def _unserved(crd: Any) -> None:
    crd["spec"]["versions"][0]["served"] = False


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (_without_field, ".spec.suspend is gone"),
        (_shorter, ".spec.description: maxLength is lower"),
        (_required, ".spec.description is required now"),
        (_fewer_values, ".spec.type: enum allows less"),
        (_rule, ".spec: new rule: never"),
        (_other_type, ".spec.suspend: type changed"),
        (_deeper, ".spec.token.overlap is gone"),
        (_unserved, "version v1alpha1 is not served any more"),
    ],
    ids=lambda it: getattr(it, "__name__", "").strip("_"),
)
def test_it_would_be_noticed(change: Callable[[Any], None], line: str) -> None:
    old = read(ROOT / "crds" / "runnerregistrations.yaml")
    new = copy.deepcopy(old)
    change(new)
    assert breaks(old, new) == [line]


def test_allowing_more_is_no_break() -> None:
    old = read(ROOT / "crds" / "runnerregistrations.yaml")
    new = copy.deepcopy(old)
    spec = _spec(new)
    spec["properties"]["description"]["maxLength"] += 1
    spec["properties"]["type"]["enum"].append("Another")
    spec["properties"]["more"] = {"type": "string"}
    spec["x-kubernetes-validations"].pop()
    assert breaks(old, new) == []
