"""Operators in processes of their own, which a test can kill, pause and wait for."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mintmaster.kube.errors import NotFound
from mintmaster.kube.paths import object_path
from mintmaster.operator.settings import LeaseSettings
from reconcile.faults.mortal import Lease, Orders

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator

    from mintmaster.kube.client import Client
    from reconcile.faults.mortal import Death
    from reconcile.faults.tampering import Target

TESTS = Path(__file__).parents[2]

PATIENCE = 60.0
"""Seconds after which what a test waits for counts as never coming."""


@dataclass
class Mortal:
    """A spawned operator."""

    identity: str
    log: Path
    process: subprocess.Popen[bytes]

    async def end(self) -> int:
        """Wait for its end; the exit code, negative for a signal."""
        await until(lambda: self.process.poll() is not None, "the operator does not end")
        return self.process.returncode

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def says(self, text: str) -> None:
        """Wait for a line of its log."""
        await until(lambda: text in self.log.read_text(), f"the operator does not say {text!r}")


@contextmanager
def mortal(
    kubeconfig: Path,
    folder: Path,
    *,
    death: Death | None = None,
    pause: Target | None = None,
    lease: Lease | None = None,
    hours_ahead: float = 0.0,
    namespace: str = "mintmaster-system",
    shard: str = "1/1",
) -> Iterator[Mortal]:
    """Have an operator process for the length of the block; see `Orders` for what it does."""
    orders = Orders(
        identity=f"mortal-{secrets.token_hex(4)}",
        death=death,
        pause=pause,
        lease=lease or Lease(),
        hours_ahead=hours_ahead,
        namespace=namespace,
        shard=shard,
    )
    log = folder / f"{orders.identity}.log"
    spawned = Mortal(orders.identity, log, _spawn(kubeconfig, orders, log))
    try:
        yield spawned
    finally:
        spawned.process.kill()
        spawned.process.wait()


def _spawn(kubeconfig: Path, orders: Orders, log: Path) -> subprocess.Popen[bytes]:
    arguments = (str(kubeconfig), msgspec.json.encode(orders).decode())
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "reconcile.faults.mortal", *arguments],
            env=os.environ | {"PYTHONPATH": str(TESTS)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


async def until(holds: Callable[[], object], failure: str) -> None:
    """Wait until something in this process or on this machine holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, failure
        await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Leadership:
    """The Lease of the operators, as an administrator sees it."""

    client: Client
    name: str = LeaseSettings().name
    namespace: str = "mintmaster-system"

    async def holder(self) -> str:
        """Who leads; nobody where there is no Lease or it was given away."""
        try:
            found = msgspec.json.decode(await self.client.get(self._path))
        except NotFound:
            return ""
        return str(found["spec"].get("holderIdentity") or "")

    async def taken_by(self, identity: str) -> None:
        """Wait until somebody leads."""
        deadline = time.monotonic() + PATIENCE
        while await self.holder() != identity:
            assert time.monotonic() < deadline, f"{identity} does not lead"
            await asyncio.sleep(0.05)

    async def vacate(self) -> None:
        """Delete the Lease of a leader that is known to be dead, so that nobody waits for its end."""
        try:
            await self.client.delete(self._path)
        except NotFound:
            return

    @property
    def _path(self) -> str:
        return object_path("coordination.k8s.io/v1", "leases", self.namespace, self.name)
