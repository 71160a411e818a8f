"""What people and tools do to Secrets and resources behind the operator's back."""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from chaos import reading
from chaos.api import Unanswered, path_of
from chaos.load import NAMES
from chaos.to_wires import details

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chaos.plan import Fault
    from chaos.record import Object
    from chaos.scene import Scene


async def overwritten(scene: Scene, fault: Fault) -> None:
    """Another token is put in the place of the one that was issued."""
    await _patched(scene, fault, lambda key: {"data": {key: _encoded(secrets.token_hex(24))}}, 1)


async def extended(scene: Scene, fault: Fault) -> None:
    """A key is added: that is no reason for another token."""
    await _patched(scene, fault, lambda _: {"data": {"added-by-hand": _encoded("something")}}, 0)


async def unlabelled(scene: Scene, fault: Fault) -> None:
    """Our labels are taken off: that is no reason for another token."""
    labels = {"app.kubernetes.io/managed-by": None, f"{reading.GROUP}/uid": None}
    await _patched(scene, fault, lambda _: {"metadata": {"labels": labels}}, 0)


async def orphaned(scene: Scene, fault: Fault) -> None:
    """The owner is taken off: that is no reason for another token."""
    await _patched(scene, fault, lambda _: {"metadata": {"ownerReferences": None}}, 0)


async def deleted(scene: Scene, fault: Fault) -> None:
    found = _chosen(scene, fault)
    if found is not None:
        scene.load.note(found, "secret deleted", 1)
        await scene.stage.api.ask("DELETE", _secret_path(found))


async def status_removed(scene: Scene, fault: Fault) -> None:
    """All that is recorded is lost: the resource starts anew."""
    found = _chosen(scene, fault)
    if found is not None:
        await scene.load.patch(found, {"status": None}, "status removed", 1, "status")


async def resource_restored(scene: Scene, fault: Fault) -> None:
    """A resource and its Secret come back from a backup: another life, without status and without owners."""
    found = _chosen(scene, fault)
    secret = scene.observer.secrets.get(_secret_where(found)) if found else None
    if found is None or secret is None:
        return
    await scene.load.delete(found, "Background")
    await _until_gone(scene, found, secret)
    bodies = [_bare(found), _bare(secret)]
    if details(fault)["first"] == "secret":
        bodies.reverse()
    scene.load.note(found, "secret restored", 0)
    for body in bodies:
        path = path_of(body).rpartition("/")[0]
        await scene.stage.api.ask("POST", path, body)


async def _until_gone(scene: Scene, found: Object, secret: Object) -> None:
    deadline = time.monotonic() + 15.0
    while time.monotonic() < deadline:
        with suppress(Unanswered):
            replies = [await scene.stage.api.ask("GET", path_of(it)) for it in (found, secret)]
            if all(reply.status == 404 for reply in replies):
                return
        await asyncio.sleep(0.2)


def _bare(item: Object) -> Object:
    """An object as backup tools restore it."""
    meta = item["metadata"]
    kept = {key: meta[key] for key in ("name", "namespace", "labels", "annotations") if key in meta}
    body: Object = {key: item[key] for key in ("kind", "spec", "data", "type") if key in item}
    version = "v1" if item["kind"] == "Secret" else f"{reading.GROUP}/v1alpha1"
    return {**body, "apiVersion": version, "metadata": kept}


async def _patched(scene: Scene, fault: Fault, patch: Callable[[str], Object], issues: int) -> None:
    found = _chosen(scene, fault)
    if found is None:
        return
    key = reading.token_key(found)
    scene.load.note(found, fault.name, issues)
    await scene.stage.api.merge(_secret_path(found), patch(key))


def _chosen(scene: Scene, fault: Fault) -> Object | None:
    """One of the resources that live now and whose Secret nobody has touched: a Secret that has lost both its labels
    and its owner is somebody else's by all that can be known.
    """
    live = [
        item
        for item in scene.observer.resources.values()
        if item["metadata"]["name"] in NAMES
        and not reading.is_gone(item)
        and not reading.is_revoked(item)
        and _is_whole(scene.observer.secrets.get(_secret_where(item)), item)
    ]
    live.sort(key=reading.title)
    return live[int(details(fault)["which"] * len(live))] if live else None


def _is_whole(secret: Object | None, owner: Object) -> bool:
    """Whether a Secret says by labels and by owner whose it is."""
    uid = owner["metadata"]["uid"]
    if secret is None or reading.label(secret, f"{reading.GROUP}/uid") != uid:
        return False
    owners = secret["metadata"].get("ownerReferences") or []
    managed = reading.label(secret, "app.kubernetes.io/managed-by") == "mintmaster"
    return managed and any(it["uid"] == uid for it in owners)


def _secret_where(item: Object) -> str:
    return f"{item['metadata']['namespace']}/{reading.secret_name(item)}"


def _secret_path(item: Object) -> str:
    return f"/api/v1/namespaces/{item['metadata']['namespace']}/secrets/{reading.secret_name(item)}"


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


DEEDS: dict[str, Callable[[Scene, Fault], Awaitable[None]]] = {
    "secret-overwritten": overwritten,
    "secret-extended": extended,
    "secret-unlabelled": unlabelled,
    "secret-orphaned": orphaned,
    "secret-deleted": deleted,
    "status-removed": status_removed,
    "resource-restored": resource_restored,
}
