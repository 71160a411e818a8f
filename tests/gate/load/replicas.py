"""Gates in processes of their own, which a test can kill, and clients that turn to another one when that happens."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec

from reconcile.harness import PATIENCE

if TYPE_CHECKING:
    import signal
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path


@dataclass
class Replica:
    """One gate."""

    process: asyncio.subprocess.Process
    log: Path
    session: aiohttp.ClientSession
    url: str = ""

    async def ready(self) -> None:
        """Wait until it says that it can answer."""
        async with asyncio.timeout(PATIENCE):
            while not await self._is_ready():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)

    async def _is_ready(self) -> bool:
        said = self.log.read_text()
        assert self.process.returncode is None, said
        if not self.url:
            named = [line.split()[-1] for line in said.splitlines() if "listening at" in line]
            self.url = named[0] if named else ""
            return False
        async with self.session.get(self.url + "/readyz") as answer:
            return answer.status == 200

    async def ask(self, path: str, **request: Any) -> Any:
        """What it says; whoever gets through gets a regular answer. Raises aiohttp.ClientConnectionError."""
        async with self.session.post(self.url + path, **request) as answer:
            said = await answer.read()
            assert answer.status == 200, (answer.status, said)
            return msgspec.json.decode(said)


@dataclass
class Replicas:
    """All gates, and the way to one of them that answers."""

    kubeconfig: Path
    folder: Path
    session: aiohttp.ClientSession
    up: list[Replica] = field(default_factory=list)
    """Those that are ready; one that is being ended, too, until it has ended."""
    none_is_up: bool = False
    """Whether the test has taken all of them away: only then may there be no answer."""
    unanswered: int = 0
    _numbers: count[int] = field(default_factory=count)
    _spawned: list[Replica] = field(default_factory=list)

    @property
    def keys(self) -> Path:
        """Where they look for private keys."""
        return self.folder / "keys"

    async def start(self) -> Replica:
        """Start one; it is asked from when it is ready, as a Service would have it."""
        log = self.folder / f"gate-{next(self._numbers)}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "mintmaster", "gate", "--listen", "127.0.0.1:0"),
                *("--kubeconfig", str(self.kubeconfig), "--log-format", "text"),
                *("--signing-keys", str(self.keys)),
                stdout=output,
                stderr=output,
            )
        replica = Replica(process, log, self.session)
        self._spawned.append(replica)
        await replica.ready()
        self.up.append(replica)
        return replica

    async def end(self, replica: Replica, how: signal.Signals) -> int:
        """End one that is being asked; its exit code, negative for a signal."""
        replica.process.send_signal(how)
        code = await replica.process.wait()
        self.up.remove(replica)
        return code

    async def ask(self, path: str, **request: Any) -> Any:
        """What a replica says, each in turn being the first that is tried; None where there is none."""
        self.up = self.up[1:] + self.up[:1]
        failed = []
        for replica in list(self.up):
            try:
                return await replica.ask(path, **request)
            except aiohttp.ClientConnectionError as error:
                failed.append(f"{replica.url}: {error!r}")
        assert self.none_is_up, f"no replica answers: {failed}"
        self.unanswered += 1
        await asyncio.sleep(0.02)
        return None

    async def kill(self) -> None:
        """Leave nothing running."""
        for replica in self._spawned:
            if replica.process.returncode is None:
                replica.process.kill()
            await replica.process.wait()


@asynccontextmanager
async def replicas(kubeconfig: Path, folder: Path) -> AsyncIterator[Replicas]:
    async with aiohttp.ClientSession() as session:
        gates = Replicas(kubeconfig, folder, session)
        gates.keys.mkdir()
        try:
            yield gates
        finally:
            await gates.kill()


def as_client(client_id: str, client_secret: str) -> Mapping[str, str]:
    """Header fields of a client."""
    return {"Authorization": aiohttp.encode_basic_auth(client_id, client_secret)}
