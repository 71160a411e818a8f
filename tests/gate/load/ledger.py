"""The judge of the tests under load: knows by itself which tokens are good, and holds every answer against that."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import jwt

from reconcile.harness import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable

    Look: TypeAlias = Callable[[str], Awaitable[bool | None]]


KEPT = 4
"""Tokens of each key that are asked about, of all that gates mint."""


class Misjudged(AssertionError):
    """A good token was refused, or a bad one accepted."""


@dataclass(eq=False)
class Standing:
    """What is known of a token since some moment; compared by identity."""

    good: bool | None
    """None while it changes: then either answer is right."""


def kid(token: str) -> str:
    found: str = jwt.get_unverified_header(token)["kid"]
    return found


@dataclass
class Ledger:
    """Tokens and their standing."""

    _standing: dict[str, Standing] = field(default_factory=dict, repr=False)
    _suspects: set[str] = field(default_factory=set)
    asked: Counter[str] = field(default_factory=Counter)
    """How often each asker has been through all tokens."""

    def enter(self, token: str) -> None:
        """Enter a token that is good from now on, unless its key fell into doubt while it was on its way."""
        self._standing[token] = Standing(None if kid(token) in self._suspects else True)

    def enter_one_of_many(self, token: str) -> None:
        """Enter a token, unless enough of the same key are asked about already."""
        if len(self.signed_by(kid(token))) < KEPT:
            self.enter(token)

    def doubt(self, tokens: Iterable[str]) -> None:
        """Say that these are about to end."""
        for token in tokens:
            self._standing[token] = Standing(None)

    def doubt_key(self, key_id: str) -> None:
        """Say that everything signed by a key is about to end."""
        self._suspects.add(key_id)
        self.doubt(self.signed_by(key_id))

    def bad(self, tokens: Iterable[str]) -> None:
        """Say that these have ended."""
        for token in tokens:
            self._standing[token] = Standing(good=False)

    def signed_by(self, key_id: str) -> list[str]:
        return [token for token in self._standing if kid(token) == key_id]

    async def hold(self, token: str, look: Look) -> None:
        """Ask about a token. What is said counts unless the standing changed meanwhile; None is no answer."""
        before = self._standing[token]
        said = await look(token)
        unchanged = self._standing[token] is before
        settled = before.good is not None and said is not None
        if unchanged and settled and said is not before.good:
            wrong = "refused" if before.good else "accepted"
            raise Misjudged(
                f"{getattr(look, '__name__', look)} {wrong} a token of key {kid(token)}"
            )

    async def keep_asking(self, name: str, look: Look) -> None:
        """Ask about all tokens, over and over."""
        self.asked[name] = 0
        while True:
            for token in list(self._standing):
                await self.hold(token, look)
            self.asked[name] += 1
            await asyncio.sleep(0)

    async def all_asked(self) -> None:
        """Wait until every asker has been through all tokens as they stand now."""
        before = dict(self.asked)
        async with asyncio.timeout(PATIENCE):
            while not self._asked_since(before):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)

    def _asked_since(self, before: dict[str, int]) -> bool:
        """Whether all have been through since; the round that was under way then does not count."""
        return all(self.asked[name] >= rounds + 2 for name, rounds in before.items())

    async def ended(self, tokens: Iterable[str], *looks: Look) -> None:
        """Wait until all see that these have ended, and hold them to it from then on."""
        tokens = list(tokens)
        async with asyncio.timeout(PATIENCE):
            for token in tokens:
                for look in looks:
                    while await look(token) is not False:  # noqa: ASYNC110 - nobody tells
                        await asyncio.sleep(0.02)
        self.bad(tokens)


@asynccontextmanager
async def going_on(*works: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Have these go on beside the block, which fails with the first of them."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        await asyncio.sleep(0)  # so that all have begun
        yield
        for task in tasks:
            task.cancel()
