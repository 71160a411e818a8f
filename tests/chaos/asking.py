"""Asking gates about tokens, all the time, as services do."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import time
from typing import TYPE_CHECKING

import aiohttp

from chaos import objects
from chaos.record import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chaos.record import Record
    from chaos.watching import Observer
    from chaos.world_clock import WorldClock

PATH = f"/issuers/{objects.ISSUER}/oauth2/introspect"
TIMEOUT = aiohttp.ClientTimeout(total=5.0)
PAUSE = 0.06
"""Seconds between two questions to one gate."""

YOUNG = 60
"""Every other question is about one of so many tokens that were seen last."""


class Asker:
    """Holds a token of an administrator, and asks by it."""

    def __init__(
        self,
        gates: Mapping[str, str],
        record: Record,
        observer: Observer,
        clock: WorldClock,
        session: aiohttp.ClientSession,
    ) -> None:
        self._gates = gates
        self._record = record
        self._observer = observer
        self._clock = clock
        self._session = session
        self._credential = ""

    @property
    def credential(self) -> str:
        """The token in the asker's Secret, as last seen."""
        secret = self._observer.secrets.get(f"{objects.SYSTEM}/{objects.ASKER_SECRET}")
        if secret is not None:
            self._credential = base64.b64decode(secret["data"]["token"]).decode()
        return self._credential

    async def run(self, gate: str) -> None:
        """Ask one gate until cancelled."""
        rng = random.Random(f"asking {self._record.seed} {gate}")
        while True:
            await asyncio.sleep(PAUSE)
            known = list(self._record.tokens)
            if known:
                recent = known[-YOUNG:] if rng.random() < 0.5 else known
                self._record.answers.append(await self.ask(gate, rng.choice(recent)))

    async def ask(self, gate: str, digest: str) -> Answer:
        """Ask about one token."""
        sent, world = time.monotonic(), self._clock.now()
        status, active = await self._introspect(gate, self._record.tokens[digest])
        return Answer(gate, digest, sent, time.monotonic(), world, status, active)

    async def ask_all(self, gate: str) -> list[Answer]:
        """Ask about every token that was ever seen."""
        return [await self.ask(gate, digest) for digest in list(self._record.tokens)]

    async def _introspect(self, gate: str, token: str) -> tuple[int, bool | None]:
        try:
            async with self._session.post(
                self._gates[gate] + PATH,
                data={"token": token},
                headers={"Authorization": f"Bearer {self.credential}"},
                timeout=TIMEOUT,
            ) as answer:
                text = await answer.read()
                if answer.status != 200:
                    return answer.status, None
                return 200, bool(json.loads(text)["active"])
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0, None
