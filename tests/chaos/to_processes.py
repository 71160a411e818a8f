"""Faults of operators and gates, and of their clocks."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING

from chaos import objects
from chaos.proxy import Execution
from chaos.to_wires import details

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chaos.plan import Fault
    from chaos.processes import Supervised
    from chaos.scene import Scene

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{objects.SYSTEM}/leases/mintmaster-operator"
_WRITES = {
    "secret": re.compile(r"/namespaces/chaos-[ab]/secrets"),
    "status": re.compile(r"/namespaces/chaos-[ab]/[a-z]+/[^/]+/status$"),
    "lease": re.compile(r"/leases/"),
}

PATIENCE = 15.0
"""Seconds that an execution waits for its write."""


async def operator_killed(scene: Scene, fault: Fault) -> None:
    process = await _operator(scene, fault)
    with scene.disturbing(process.name):
        process.kill(details(fault)["seconds"])


async def operator_stopped(scene: Scene, fault: Fault) -> None:
    """Told to end, as by an upgrade."""
    process = await _operator(scene, fault)
    with scene.disturbing(process.name):
        process.end(details(fault)["seconds"])


async def operator_executed(scene: Scene, fault: Fault) -> None:
    """Killed right before or right after a chosen write is carried out."""
    drawn = details(fault)
    process, proxy = scene.stage.processes[drawn["whom"]], scene.stage.proxies[drawn["whom"]]
    pattern = _WRITES[drawn["write"]]

    def is_meant(method: str, path: str) -> bool:
        return method != "GET" and pattern.search(path) is not None

    def kill() -> None:
        scene.say(f"{drawn['whom']} dies {drawn['moment']} its write")
        process.kill()

    execution = Execution(is_meant, drawn["nth"], drawn["moment"] == "after", kill)
    proxy.link.execution = execution
    await asyncio.sleep(max(min(PATIENCE, scene.ends_at - time.monotonic()), 0.0))
    if proxy.link.execution is execution:
        proxy.link.execution = None


async def operator_paused(scene: Scene, fault: Fault) -> None:
    await _paused(scene, await _operator(scene, fault), details(fault)["seconds"])


async def lease_stolen(scene: Scene, fault: Fault) -> None:
    """Have the next operator lead while the one before believes that it does."""
    api, way = scene.stage.api, details(fault)["way"]
    if way == "deleted":
        await api.ask("DELETE", LEASE)
        return
    holder = "" if way == "emptied" else "somebody-who-never-was"
    await api.merge(LEASE, {"spec": {"holderIdentity": holder}})


async def gate_killed(scene: Scene, fault: Fault) -> None:
    process = scene.stage.processes[details(fault)["whom"]]
    with scene.disturbing(process.name):
        process.kill(details(fault)["seconds"])


async def gate_stopped(scene: Scene, fault: Fault) -> None:
    process = scene.stage.processes[details(fault)["whom"]]
    with scene.disturbing(process.name):
        process.end(details(fault)["seconds"])


async def gate_paused(scene: Scene, fault: Fault) -> None:
    await _paused(scene, scene.stage.processes[details(fault)["whom"]], details(fault)["seconds"])


async def clock_moved(scene: Scene, fault: Fault) -> None:
    """The clock of one operator is wrong for a while."""
    drawn = details(fault)
    scene.stage.clock.put_off(drawn["whom"], drawn["by"])
    await asyncio.sleep(drawn["seconds"])
    scene.stage.clock.put_off(drawn["whom"], 0.0)


async def time_passed(scene: Scene, fault: Fault) -> None:
    """The time of day moves on for everybody, so that renewals come due and overlaps end."""
    scene.stage.clock.pass_time(details(fault)["seconds"])


async def _paused(scene: Scene, process: Supervised, seconds: float) -> None:
    with scene.disturbing(process.name):
        process.pause()
        await asyncio.sleep(seconds)
        process.resume()


async def _operator(scene: Scene, fault: Fault) -> Supervised:
    """The one that leads, or the other; the first where nobody does."""
    lease = await scene.stage.api.get(LEASE)
    holder = str(lease["spec"].get("holderIdentity") or "")
    leader = scene.stage.leader(holder) or scene.stage.operators[0]
    if details(fault)["whom"] == "leader":
        return leader
    return next(it for it in scene.stage.operators if it is not leader)


DEEDS: dict[str, Callable[[Scene, Fault], Awaitable[None]]] = {
    "operator-killed": operator_killed,
    "operator-stopped": operator_stopped,
    "operator-executed": operator_executed,
    "operator-paused": operator_paused,
    "lease-stolen": lease_stolen,
    "gate-killed": gate_killed,
    "gate-stopped": gate_stopped,
    "gate-paused": gate_paused,
    "clock-moved": clock_moved,
    "time-passed": time_passed,
}
