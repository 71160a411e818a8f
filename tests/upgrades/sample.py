"""Writes the samples of a version, in a checkout of it: `PYTHONPATH=tests .venv/bin/python -m upgrades.sample`.

A real operator makes them, on a control plane of its own: resources in many states, their Secrets, the keys of their
issuers and the status lists. All keys and tokens in them are made for this and good for nothing else.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mintmaster import __version__
from mintmaster.api.kinds import ALL_KINDS, TOKEN_ISSUER
from mintmaster.api.names import API_VERSION
from mintmaster.kube import config
from mintmaster.kube.client import Client
from mintmaster.kube.paths import collection_path
from mintmaster.localcluster.cluster import LocalCluster
from mintmaster.localcluster.spec import ClusterSpec
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest
from reconcile.builders import application, issuer, runner, secret, user
from reconcile.cluster_user import Cluster
from reconcile.conftest import OPERATOR_NAMESPACE, install
from reconcile.harness import running
from reconcile.reading import is_ready, is_unready

if TYPE_CHECKING:
    from upgrades.registry import Object

ROOT = Path(__file__).parents[2]
SAMPLES = Path(__file__).parent / "samples"
NAMESPACE = "team"
SCOPES = [{"name": name} for name in ("api", "read_api", "introspect")]


def write(folder: Path) -> None:
    """Make the samples of this version in a folder of theirs."""
    spec = ClusterSpec(name=f"sample-{secrets.token_hex(4)}", temporary=True)
    cluster = LocalCluster.up(spec)
    try:
        install(cluster)
        sample = asyncio.run(_sample(cluster))
    finally:
        cluster.down()
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "crds", folder / "crds")
    (folder / "objects.json").write_text(json.dumps(sample, indent=1, sort_keys=True) + "\n")


async def _sample(cluster: LocalCluster) -> Object:
    async with Client(config.load(str(cluster.kubeconfig), None)) as client:
        who = Cluster(client, cluster.kubeconfig, NAMESPACE, "default")
        await who.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        async with running(cluster.kubeconfig) as operator:
            await _issuers(who)
            await _delivered(who)
            await _in_other_states(who)
            await operator.at_rest(quiet=5)
            taken_at = operator.clock.now()
        return {"takenAt": taken_at.isoformat(), "objects": await _objects(who)}


async def _issuers(who: Cluster) -> None:
    """One with lists and a next key, one that wants approval, one that gates sign for."""
    specs: dict[str, Object] = {
        "default": {"scopes": SCOPES, "roles": [], "statusList": True},
        "strict": {"approval": {"userAccessTokens": "Manual"}},
        "gates": {"signer": "Gate", "limits": {"defaultLifetime": "1h", "maxLifetime": "10h"}},
    }
    for name, spec in specs.items():
        await who.create(issuer(name, NAMESPACE, **spec))
        await who.issuer_where(is_ready, name)
    await who.annotate(TOKEN_ISSUER, "default", rotate="for the sample")
    await who.issuer_where(lambda it: len(it.status.keys) == 2, "default")


async def _delivered(who: Cluster) -> None:
    """Tokens that work: JWT and opaque, rotated within an overlap, in templates, held by a caller, a client's."""
    await who.ready_runner("jwt")
    await who.ready_runner("opaque", token={"format": "Opaque", "prefix": "glrt-"})
    shown = {"previousTokenKey": "previous", "template": {"data": {"config": "{{ token | toml }}"}}}
    await who.ready_runner("rotated", secret=shown, token={"overlap": "1h"})
    await who.rotate_runner("for the sample", "rotated")
    await who.ready_user("service", scopes=["introspect"])
    held = {"format": "Opaque", "valueDigest": digest(opaque.mint())}
    await who.ready_user("caller", delivery="Caller", token=held)
    await who.create(application("portal", issuerRef={"name": "gates"}, roles=["Researcher"]))
    await who.application_where(is_ready)


async def _in_other_states(who: Cluster) -> None:
    """Revoked, suspended, waiting for an approval, stalled for two reasons."""
    await who.ready_runner("revoked")
    await who.edit_runner("revoked", revoked=True)
    await who.secret_gone("revoked-token")
    await who.ready_runner("suspended")
    await who.edit_runner("suspended", suspend=True)
    await who.create(user("requested", issuerRef={"name": "strict"}))
    await who.user_where(is_unready("AwaitingApproval"), "requested")
    await who.create_runner("stalled", scopes=["fly"])
    await who.runner_where(is_unready("ScopeUnknown"), "stalled")
    await who.create(secret("conflict-token"))
    await who.create(runner("conflict", issuerRef={"name": "default"}))
    await who.runner_where(is_unready("SecretConflict"), "conflict")


async def _objects(who: Cluster) -> list[Object]:
    """Everything of ours, and the namespaces that it lies in, as it is stored."""
    found: list[Object] = []
    for kind in ALL_KINDS:
        found += await _list(who, API_VERSION, kind.kind, kind.plural)
    for name in (OPERATOR_NAMESPACE, NAMESPACE):
        body = await who.get(f"/api/v1/namespaces/{name}")
        found.append(_stored("v1", "Namespace", body))
        found += await _list(who, "v1", "Secret", "secrets", name)
        found += await _list(who, "v1", "ConfigMap", "configmaps", name)
    return [it for it in found if it["metadata"]["name"] != "kube-root-ca.crt"]


async def _list(
    who: Cluster, version: str, kind: str, plural: str, namespace: str | None = None
) -> list[Object]:
    raw = await who.client.get(collection_path(version, plural, namespace))
    items: list[Any] = msgspec.json.decode(raw)["items"]
    return [_stored(version, kind, item) for item in items]


def _stored(version: str, kind: str, body: Object) -> Object:
    """An object as the database has it: its version is that of the key."""
    del body["metadata"]["resourceVersion"]
    return {**body, "apiVersion": version, "kind": kind}


if __name__ == "__main__":
    write(SAMPLES / __version__)
    sys.stdout.write(f"wrote {SAMPLES / __version__}\n")
