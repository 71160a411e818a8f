"""The reflector and a real API server: after any history, the copy equals the collection."""

import asyncio
from typing import Any

import msgspec

from kube.test_reflector import Copy, running
from kube.waiting import until
from mintmaster.kube.client import Client
from mintmaster.kube.paths import collection_path, object_path
from mintmaster.kube.reflector import Pace, Reflector, Selection


def config_map(name: str, size: int = 0) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"mine": "yes"}}, "data": {"x": "y" * size}}


async def versions(client: Client, path: str) -> dict[str, int]:
    items = msgspec.json.decode(await client.get(path))["items"]
    return {
        item["metadata"]["name"]: int(item["metadata"]["resourceVersion"])
        for item in items
        if "mine" in item["metadata"].get("labels", {})
    }


async def test_the_copy_follows_the_collection(real: Client, namespace: str) -> None:
    path = collection_path("v1", "configmaps", namespace)
    await asyncio.gather(*(real.create(path, config_map(f"c{number}")) for number in range(25)))
    copy = Copy()
    reflector = Reflector(real, Selection(path, labels="mine"), copy, pace=Pace(page_size=10))
    async with running(reflector):
        await reflector.synced.wait()
        assert copy.names == await versions(real, path)
        await real.create(path, config_map("large", size=900_000))
        await real.delete(object_path("v1", "configmaps", namespace, "c1"))
        patch = {"metadata": {"labels": {"mine": None}}}
        await real.merge_patch(object_path("v1", "configmaps", namespace, "c2"), patch)
        expected = await versions(real, path)
        await until(lambda: copy.names == expected)
    assert {"c1", "c2"}.isdisjoint(expected)
    assert "large" in expected
