"""Carrying out the plan: each fault at its time, and everything healed in the end."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from chaos import by_hand, control_plane, to_processes, to_wires
from chaos.api import Unanswered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chaos.plan import Fault
    from chaos.scene import Scene

DEEDS: dict[str, Callable[[Scene, Fault], Awaitable[None]]] = {
    **to_wires.DEEDS,
    **control_plane.DEEDS,
    **to_processes.DEEDS,
    **by_hand.DEEDS,
}


async def carry_out(scene: Scene, plan: tuple[Fault, ...]) -> None:
    """Do all of it; returns when the last fault is over."""
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for fault in plan:
            await asyncio.sleep(max(began + fault.at - time.monotonic(), 0.0))
            group.create_task(_do(scene, fault))


async def _do(scene: Scene, fault: Fault) -> None:
    scene.say(f"{fault}")
    try:
        await DEEDS[fault.name](scene, fault)
    except Unanswered as error:
        # What is done by hand goes through the API server, which may be away itself.
        scene.say(f"{fault.name} came to nothing: {error}")


async def heal(scene: Scene) -> None:
    """End what is still wrong: processes run, wires are whole, clocks are right."""
    stage = scene.stage
    for name, proxy in stage.proxies.items():
        proxy.heal()
        stage.clock.put_off(name, 0.0)
    for process in stage.processes.values():
        process.resume()
    async with scene.control_plane:
        # The garbage collector tries again after up to a quarter of an hour what failed often; a new one at once.
        await asyncio.to_thread(stage.cluster.component("kube-controller-manager").kill)
        await asyncio.to_thread(stage.revive)
