"""The example for Flux: what it names is there, in an order that can be kept."""

from itertools import pairwise
from typing import Any

import pytest
import yaml

from manifests.installation import ROOT
from manifests.rendering import render

OBJECTS = list(yaml.safe_load_all((ROOT / "examples" / "gitops-flux" / "flux.yaml").read_text()))
KUSTOMIZATIONS = [it for it in OBJECTS if it["kind"] == "Kustomization"]


@pytest.mark.parametrize("it", KUSTOMIZATIONS, ids=lambda it: it["metadata"]["name"])
def test_what_it_names_is_there(it: Any) -> None:
    sources = {body["metadata"]["name"] for body in OBJECTS if body["kind"] == "GitRepository"}
    assert it["spec"]["sourceRef"]["name"] in sources
    folder = ROOT / it["spec"]["path"]
    # Flux makes a kustomization of a folder that has none.
    assert (
        render(folder).objects
        if (folder / "kustomization.yaml").exists()
        else any(folder.glob("*.yaml"))
    )


def test_each_waits_for_the_one_before() -> None:
    for before, it in pairwise(KUSTOMIZATIONS):
        assert before["spec"]["wait"]
        assert it["spec"]["dependsOn"] == [{"name": before["metadata"]["name"]}]


def test_the_crds_are_never_pruned() -> None:
    pruned = {it["spec"]["path"] for it in KUSTOMIZATIONS if it["spec"]["prune"]}
    assert "./crds" not in pruned
    assert pruned
