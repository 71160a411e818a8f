"""An operator in a process of its own that kills itself at a chosen write: `python mortal.py KUBECONFIG ORDERS`.

The orders are JSON, in the shape of `Orders`. Without a death in them it is an operator like any other, whose Lease
may be made as short as a test wants it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from mintmaster.kube import config
from mintmaster.lifecycle.shard import parse
from mintmaster.operator.logs import LogFormat, configure
from mintmaster.operator.settings import LeaseSettings, Settings
from reconcile.faults.tampering import Target, process_with
from reconcile.harness import SettableClock, SettableSkew

if TYPE_CHECKING:
    from mintmaster.operator.process import Process
    from reconcile.faults.tampering import Request, Send, Tamper

log = logging.getLogger(__name__)


class Death(msgspec.Struct, frozen=True):
    """At which write to die."""

    method: str
    resource: str
    within: str
    after: bool
    """After the answer has come; else before the request is sent."""
    nth: int = 1
    """At which of the writes that match."""


class Lease(msgspec.Struct, frozen=True):
    """The times of the Lease, in seconds; by default those of the product."""

    name: str = LeaseSettings().name
    duration: int = LeaseSettings().duration
    renew_deadline: float = LeaseSettings().renew_deadline
    retry_period: float = LeaseSettings().retry_period

    def settings(self) -> LeaseSettings:
        return LeaseSettings(**msgspec.structs.asdict(self))


SHORT = Lease(duration=4, renew_deadline=3.0, retry_period=0.25)
"""A Lease for tests that wait for its end."""


class Orders(msgspec.Struct, frozen=True):
    """What is to happen."""

    identity: str
    death: Death | None = None
    pause: Target | None = None
    """A write before which to wait for SIGUSR1, saying so in the log."""
    lease: Lease = Lease()
    hours_ahead: float = 0.0
    namespace: str = Settings().namespace
    shard: str = "1/1"


class Executioner:
    """Lets writes pass until the one at which to die."""

    def __init__(self, death: Death) -> None:
        self._death = death
        self._target = Target(death.method, death.resource, death.within)
        self._seen = 0

    async def __call__(self, request: Request, send: Send) -> bytes:
        if not self._target.matches(request):
            return await send()
        self._seen += 1
        if self._seen < self._death.nth:
            return await send()
        if self._death.after:
            await send()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("nobody survives this")


class Pause:
    """Holds a write up until SIGUSR1 comes."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._go_on = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._go_on.set)

    async def __call__(self, request: Request, send: Send) -> bytes:
        if self._target.matches(request):
            log.info("paused before a write")
            await self._go_on.wait()
        return await send()


async def _pass(request: Request, send: Send) -> bytes:
    return await send()


def _process(kubeconfig: str, orders: Orders) -> Process:
    tamper: Tamper = _pass
    if orders.death is not None:
        tamper = Executioner(orders.death)
    elif orders.pause is not None:
        tamper = Pause(orders.pause)
    clock = SettableClock()
    clock.offset = timedelta(hours=orders.hours_ahead)
    settings = Settings(
        identity=orders.identity,
        namespace=orders.namespace,
        listen="127.0.0.1:0",
        lease=orders.lease.settings(),
        shards=parse(orders.shard),
    )
    process = process_with(tamper)(config.load(kubeconfig, None), settings, clock=clock)
    process.skew = SettableSkew(clock)
    return process


async def _run(kubeconfig: str, orders: Orders) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def take_signals() -> None:
        loop.add_signal_handler(signal.SIGTERM, stop.set)

    take_signals()
    await _process(kubeconfig, orders).run(stop, on_start=take_signals)


if __name__ == "__main__":
    configure("DEBUG", LogFormat.TEXT)
    asyncio.run(_run(sys.argv[1], msgspec.json.decode(sys.argv[2], type=Orders)))
