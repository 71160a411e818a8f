"""The client and a real API server."""

import base64
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from mintmaster.kube.client import Client
from mintmaster.kube.clock import Skew, SystemClock
from mintmaster.kube.config import load
from mintmaster.kube.errors import AlreadyExists, Conflict, Invalid, NotFound
from mintmaster.kube.paths import collection_path, object_path

if TYPE_CHECKING:
    from mintmaster.localcluster.cluster import LocalCluster


def secret(name: str, value: str = "x") -> dict[str, Any]:
    data = {"token": base64.b64encode(value.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}


async def test_a_secret_lives_and_dies(real: Client, namespace: str) -> None:
    everything = collection_path("v1", "secrets", namespace)
    one = object_path("v1", "secrets", namespace, "one")
    created = msgspec.json.decode(await real.create(everything, secret("one")))
    with pytest.raises(AlreadyExists):
        await real.create(everything, secret("one"))
    patch = {"metadata": {"labels": {"a": "b"}, "resourceVersion": _version(created)}}
    patched = msgspec.json.decode(await real.merge_patch(one, patch))
    with pytest.raises(Conflict):
        await real.merge_patch(one, patch)
    with pytest.raises(Conflict):
        await real.replace(one, created)
    with pytest.raises(Conflict):
        await real.delete(one, uid="somebody-else")
    await real.delete(one, uid=patched["metadata"]["uid"], resource_version=_version(patched))
    with pytest.raises(NotFound):
        await real.get(one)


async def test_a_malformed_secret_is_not_quoted(real: Client, namespace: str) -> None:
    value = "not base64, and nobody's business"
    malformed = secret("one") | {"data": {"token": value}}
    with pytest.raises(Invalid) as caught:
        await real.create(collection_path("v1", "secrets", namespace), malformed)
    assert not any(word in str(caught.value) for word in (value, "base64", "business"))


async def test_an_invalid_object_tells_its_fields(real: Client, namespace: str) -> None:
    body = {"metadata": {"name": "x"}, "data": {"no/slash": "y"}}
    with pytest.raises(Invalid) as caught:
        await real.create(collection_path("v1", "configmaps", namespace), body)
    assert [cause.field for cause in caught.value.causes] == ["data[no/slash]"]


async def test_client_certificates_authenticate_on_the_session(real: Client) -> None:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = collection_path("authentication.k8s.io/v1", "selfsubjectreviews")
    answer = await real.session.post(real.server + path, json=body)
    review = await answer.json()
    assert "system:masters" in review["status"]["userInfo"]["groups"]


@pytest.fixture
async def measured(cluster: "LocalCluster") -> AsyncIterator[tuple[Client, Skew]]:
    skew = Skew(SystemClock())
    async with Client(load(str(cluster.kubeconfig)), skew=skew) as client:
        yield client, skew


async def test_a_server_on_the_same_machine_has_no_skew(measured: tuple[Client, Skew]) -> None:
    client, skew = measured
    await client.get("/version")
    assert not skew.exceeded


def _version(value: dict[str, Any]) -> str:
    version = value["metadata"]["resourceVersion"]
    assert isinstance(version, str)
    return version
