"""Faults between one process and the API server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chaos.plan import Fault
    from chaos.proxy import Proxy
    from chaos.scene import Scene


def details(fault: Fault) -> dict[str, Any]:
    """What was drawn for a fault."""
    return dict(fault.details)


async def slow(scene: Scene, fault: Fault) -> None:
    """Every request takes longer."""
    drawn, proxy = details(fault), _proxy(scene, fault)
    with scene.disturbing(proxy.name):
        proxy.link.delay = drawn["delay"]
        await asyncio.sleep(drawn["seconds"])
        proxy.link.delay = 0.0


async def refused(scene: Scene, fault: Fault) -> None:
    """Some requests are answered with an error."""
    drawn, proxy = details(fault), _proxy(scene, fault)
    with scene.disturbing(proxy.name):
        proxy.link.refused, proxy.link.refused_share = drawn["status"], drawn["share"]
        await asyncio.sleep(drawn["seconds"])
        proxy.link.refused = 0


async def lost(scene: Scene, fault: Fault) -> None:
    """Requests are carried out, and some of the answers do not arrive."""
    drawn, proxy = details(fault), _proxy(scene, fault)
    with scene.disturbing(proxy.name):
        proxy.link.lost_share = drawn["share"]
        await asyncio.sleep(drawn["seconds"])
        proxy.link.lost_share = 0.0


async def watches_cut(scene: Scene, fault: Fault) -> None:
    """All watches break; new ones can be had at once."""
    proxy = _proxy(scene, fault)
    with scene.disturbing(proxy.name):
        proxy.cut_watches()


async def cut(scene: Scene, fault: Fault) -> None:
    """All connections break, and none can be made for a while."""
    proxy = _proxy(scene, fault)
    with scene.disturbing(proxy.name):
        proxy.link.cut = True
        proxy.cut_all()
        await asyncio.sleep(details(fault)["seconds"])
        proxy.link.cut = False


async def silent(scene: Scene, fault: Fault) -> None:
    """All connections stand, and nothing comes through, as when a router drops packets."""
    proxy = _proxy(scene, fault)
    with scene.disturbing(proxy.name):
        proxy.link.hush(silent=True)
        await asyncio.sleep(details(fault)["seconds"])
        proxy.link.hush(silent=False)


def _proxy(scene: Scene, fault: Fault) -> Proxy:
    return scene.stage.proxies[details(fault)["whom"]]


DEEDS: dict[str, Callable[[Scene, Fault], Awaitable[None]]] = {
    "answers-slow": slow,
    "answers-refused": refused,
    "answers-lost": lost,
    "watches-cut": watches_cut,
    "wire-cut": cut,
    "wire-silent": silent,
}
