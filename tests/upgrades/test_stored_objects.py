"""What an earlier version left in the database is read and kept: no token is lost, nothing is written, all verifies."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from api.api_server import kubectl
from gate.harness import gating
from mintmaster.api.kinds import CLIENT_APPLICATION, RUNNER_REGISTRATION
from mintmaster.kube import config
from mintmaster.kube.client import Client
from mintmaster.kube.paths import collection_path
from reconcile.cluster_user import Cluster
from reconcile.conftest import install
from reconcile.harness import SettableClock, running
from reconcile.reading import is_ready_at
from upgrades.registry import put
from upgrades.sample import NAMESPACE, SAMPLES
from upgrades.test_definitions import VERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mintmaster.localcluster.cluster import LocalCluster
    from upgrades.registry import Object

TOKEN_KEYS = ("token", "previous")


@pytest.mark.parametrize("version", VERSIONS)
async def test_everything_is_kept(version: str, disposable_cluster: LocalCluster) -> None:
    sample = json.loads((SAMPLES / version / "objects.json").read_text())
    objects = sample["objects"]
    _restore(disposable_cluster, version, objects)
    clock = SettableClock()
    clock.offset = (
        datetime.fromisoformat(sample["takenAt"]) + timedelta(minutes=1) - datetime.now(UTC)
    )
    kubeconfig = disposable_cluster.kubeconfig
    async with Client(config.load(str(kubeconfig), None)) as client:
        user = Cluster(client, kubeconfig, NAMESPACE, "default")
        before = await _versions(user)
        async with running(kubeconfig, clock=clock) as operator, gating(kubeconfig, clock) as gate:
            await operator.at_rest(quiet=3.0)
            assert operator.writes() == 0
            assert await _versions(user) == before
            gate.issuer = "default"
            gate.credential = (await user.secret_data("service-token"))["token"]
            tokens = list(_tokens(objects))
            assert len(tokens) >= 5
            for token in tokens:
                assert await gate.is_active(token)
            await _life_goes_on(user)


def _restore(cluster: LocalCluster, version: str, objects: list[Object]) -> None:
    """The CRDs of that version, what was stored under them, and today's CRDs over it, as an upgrade has it."""
    crds = str(SAMPLES / version / "crds")
    for step in (
        ("apply", "--server-side", "-f", crds),
        ("wait", "--for=condition=Established", "--timeout=60s", "-f", crds),
    ):
        done = kubectl(cluster.kubeconfig, *step)
        assert done.returncode == 0, done.stderr
    put(cluster, objects)
    install(cluster)


async def _versions(user: Cluster) -> dict[str, str]:
    """The resourceVersions in the namespace, and those of the keys, the lists and the issuers."""
    found = await user.versions()
    for path in (
        collection_path("v1", "secrets", "mintmaster-system"),
        collection_path("v1", "configmaps", "mintmaster-system"),
        collection_path("mintmaster.dev/v1alpha1", "tokenissuers"),
    ):
        for item in (await user.get(path))["items"]:
            meta = item["metadata"]
            if meta["name"] != "kube-root-ca.crt":
                found[f"{path}/{meta['name']}"] = meta["resourceVersion"]
    return found


def _tokens(objects: list[Object]) -> Iterator[str]:
    """Every token of the issuer `default` that a Secret holds."""
    for body in objects:
        labels = body["metadata"].get("labels", {})
        if body["kind"] == "Secret" and labels.get("mintmaster.dev/kind") in {
            "RunnerRegistration",
            "UserAccessToken",
        }:
            data: dict[str, Any] = body["data"]
            for key in TOKEN_KEYS:
                if key in data:
                    yield base64.b64decode(data[key]).decode()


async def _life_goes_on(user: Cluster) -> None:
    """What was left can be rotated, revoked, mended and deleted."""
    await user.rotate_runner("after the upgrade", "jwt")
    await user.runner_where(is_ready_at(2), "jwt")
    await user.annotate(CLIENT_APPLICATION, "portal", rotate="after the upgrade")
    await user.application_where(is_ready_at(2))
    await user.edit_runner("stalled", scopes=[])
    await user.runner_where(is_ready_at(1), "stalled")
    await user.edit_runner("opaque", revoked=True)
    await user.secret_gone("opaque-token")
    await user.delete(RUNNER_REGISTRATION, "rotated")
    await user.secret_gone("rotated-token")
