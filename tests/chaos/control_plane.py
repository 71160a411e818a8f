"""Faults of the control plane: components that die, hang, forget, or have no room left."""

from __future__ import annotations

import asyncio
import base64
import shutil
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from chaos.api import Unanswered
from chaos.plan import PROCESSES
from chaos.record import EVERYBODY, Restore
from chaos.to_wires import details

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from chaos.plan import Fault
    from chaos.scene import Scene

JUNK_OCTETS = 1_400_000
"""Of one value that fills the database; a request to etcd may have 1.5 MiB."""

_ALL_KEYS = {
    "key": base64.b64encode(b"/junk/").decode(),
    "range_end": base64.b64encode(b"/junk0").decode(),
}


@asynccontextmanager
async def _alone(scene: Scene) -> AsyncIterator[None]:
    """Have the control plane for oneself: it is up before, and should be afterwards."""
    async with scene.control_plane:
        with scene.disturbing(EVERYBODY):
            yield


async def apiserver_killed(scene: Scene, fault: Fault) -> None:
    async with _alone(scene):
        await _killed(scene, "kube-apiserver", details(fault)["seconds"])


async def etcd_killed(scene: Scene, fault: Fault) -> None:
    async with _alone(scene):
        await _killed(scene, "etcd", details(fault)["seconds"])


async def apiserver_paused(scene: Scene, fault: Fault) -> None:
    async with _alone(scene):
        await _paused(scene, "kube-apiserver", details(fault)["seconds"])


async def etcd_paused(scene: Scene, fault: Fault) -> None:
    async with _alone(scene):
        await _paused(scene, "etcd", details(fault)["seconds"])


async def compacted(scene: Scene, fault: Fault) -> None:
    """Etcd forgets its history, so that no watch can take up from a version of before."""
    async with _alone(scene):
        await _compact(scene)


async def saved(scene: Scene, fault: Fault) -> None:
    """Copy the database as it is at one instant."""
    async with _alone(scene):
        await _save(scene)


async def _save(scene: Scene) -> None:
    etcd = scene.stage.cluster.component("etcd")
    at, folder = (
        time.monotonic(),
        scene.stage.folder / f"backup-{len(scene.backups)}-of-{scene.record.seed}",
    )
    etcd.pause()
    try:
        source = scene.stage.cluster.paths.etcd_data
        await asyncio.to_thread(shutil.copytree, source, folder)
    finally:
        etcd.resume()
    scene.backups.append((at, folder))


async def restored(scene: Scene, fault: Fault) -> None:
    """Put the last copy of the database in its place; where there is none yet, one is made instead."""
    async with _alone(scene):
        if scene.backups:
            await _restore(scene)
        else:
            await _save(scene)


async def _restore(scene: Scene) -> None:
    snapshot, folder = scene.backups[-1]
    since = time.monotonic()
    await asyncio.to_thread(_put_back, scene, folder)
    scene.observer.anew()
    for name in PROCESSES:
        await _credential(scene, name)
    scene.record.restores.append(Restore(snapshot, since, time.monotonic()))
    scene.say(f"the database is as it was {since - snapshot:.0f} s before")


async def full(scene: Scene, fault: Fault) -> None:
    """Fill the database until etcd takes no more writes; make room after a while."""
    async with _alone(scene):
        try:
            await _fill(scene)
            await asyncio.sleep(details(fault)["seconds"])
        finally:
            await _persisted(scene, lambda: _make_room(scene))


async def certificates_renewed(scene: Scene, fault: Fault) -> None:
    """The server shows a new certificate, the client has a new credential, and the old one is worthless."""
    name = details(fault)["whom"]
    with scene.disturbing(name):
        proxy = scene.stage.proxies[name]
        proxy.renew_certificate()
        proxy.cut_all()
        await _credential(scene, name)


async def _credential(scene: Scene, name: str) -> None:
    await _persisted(scene, lambda: scene.stage.renew_credential(name))


async def _persisted(scene: Scene, deed: Callable[[], Awaitable[None]]) -> None:
    """Do what has to be done, however slow the machine is."""
    while True:
        try:
            return await deed()
        except Unanswered as error:
            scene.say(f"tried again: {error}")
            await asyncio.sleep(0.5)


async def _killed(scene: Scene, name: str, seconds: float) -> None:
    component = scene.stage.cluster.component(name)
    await asyncio.to_thread(component.kill)
    await asyncio.sleep(seconds)
    await asyncio.to_thread(scene.stage.revive)


async def _paused(scene: Scene, name: str, seconds: float) -> None:
    component = scene.stage.cluster.component(name)
    component.pause()
    try:
        await asyncio.sleep(seconds)
    finally:
        component.resume()
    await asyncio.to_thread(scene.stage.revive)


def _put_back(scene: Scene, folder: Path) -> None:
    cluster = scene.stage.cluster
    for component in reversed(cluster.components):
        component.kill()
    shutil.rmtree(cluster.paths.etcd_data)
    shutil.copytree(folder, cluster.paths.etcd_data)
    scene.stage.revive()


async def _fill(scene: Scene) -> None:
    junk = base64.b64encode(b"x" * JUNK_OCTETS).decode()
    for number in range(200):
        key = base64.b64encode(b"/junk/%d" % number).decode()
        reply = await scene.stage.etcd.ask("POST", "/v3/kv/put", {"key": key, "value": junk})
        if not reply.passed:
            scene.say(f"etcd: {reply.body.get('message')}")
            return
    raise AssertionError("the database has no bound")


async def _make_room(scene: Scene) -> None:
    """What an administrator does: delete, compact, defragment, and take the alarm back."""
    etcd = scene.stage.etcd
    await etcd.ask("POST", "/v3/kv/deleterange", _ALL_KEYS)
    await _compact(scene)
    await etcd.ask("POST", "/v3/maintenance/defragment", {})
    alarms = (await etcd.ask("POST", "/v3/maintenance/alarm", {"action": "GET"})).checked()
    for alarm in alarms.get("alarms", []):
        await etcd.ask("POST", "/v3/maintenance/alarm", {"action": "DEACTIVATE", **alarm})


async def _compact(scene: Scene) -> None:
    etcd = scene.stage.etcd
    status = (await etcd.ask("POST", "/v3/maintenance/status", {})).checked()
    revision = status["header"]["revision"]
    await etcd.ask("POST", "/v3/kv/compaction", {"revision": revision, "physical": True})


DEEDS: dict[str, Callable[[Scene, Fault], Awaitable[None]]] = {
    "apiserver-killed": apiserver_killed,
    "apiserver-paused": apiserver_paused,
    "etcd-killed": etcd_killed,
    "etcd-paused": etcd_paused,
    "etcd-compacted": compacted,
    "etcd-full": full,
    "database-saved": saved,
    "database-restored": restored,
    "certificates-renewed": certificates_renewed,
}
