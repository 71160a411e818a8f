"""A steady load: resources come and go, are edited and rotated, renew themselves, and are asked about."""

from __future__ import annotations

import asyncio
import base64
import random
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import aiohttp
import msgspec

from benchmarks.api import MERGE_PATCH, Refused, resources_path, secrets_path
from benchmarks.polling import until
from mintmaster.api import names
from mintmaster.api.kinds import RUNNER_REGISTRATION, USER_ACCESS_TOKEN
from mintmaster.api.reasons import State
from mintmaster.kube.paths import collection_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from benchmarks.api import Api
    from benchmarks.stage import Stage

POPULATION = 200
"""Resources that stand at any time."""

NAMESPACES = 5

LIFETIME = "10m"
"""The shortest there is, so that tokens renew themselves while a soak lasts: after five to seven minutes."""

PACE = 0.5
"""Seconds between two deeds of each kind."""

ASKING = 0.05
"""Seconds between two introspections."""


@dataclass(slots=True)
class Load:
    """Does everything at random, and counts it."""

    api: Api
    gate: str
    session: aiohttp.ClientSession
    namespaces: list[str]
    asker: str = ""
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    done: Counter[str] = field(default_factory=Counter)
    _alive: list[tuple[str, str]] = field(default_factory=list)
    _tokens: dict[tuple[str, str], str] = field(default_factory=dict)
    _made: int = 0

    async def run(self) -> None:
        """Populate, and go on for ever."""
        while len(self._alive) < POPULATION:
            await self._create()
        async with asyncio.TaskGroup() as group:
            for deed, pace in (
                (self._replace, PACE),
                (self._rotate, PACE),
                (self._edit, PACE),
                (self._tamper, 10 * PACE),
                (self._learn, PACE),
                (self._ask, ASKING),
            ):
                group.create_task(self._again_and_again(deed, pace))

    async def _again_and_again(self, deed: Callable[[], Awaitable[None]], pace: float) -> None:
        name = deed.__name__.removeprefix("_")
        while True:
            await asyncio.sleep(self.dice.uniform(pace / 2, pace * 3 / 2))
            try:
                await deed()
            except (Refused, aiohttp.ClientError) as error:
                # What another deed has deleted or written meanwhile is no news.
                self.done[f"{name}, refused"] += 1
                if "404" not in str(error) and "409" not in str(error):
                    self.done[f"{name}, failed"] += 1
            else:
                self.done[name] += 1

    async def _create(self) -> None:
        self._made += 1
        namespace, name = self.dice.choice(self.namespaces), f"s-{self._made:06}"
        body = _resource(RUNNER_REGISTRATION.kind, name, {"type": "Instance"})
        await self.api.request("POST", resources_path(namespace), body)
        self._alive.append((namespace, name))

    async def _replace(self) -> None:
        await self._create()
        namespace, name = self._alive.pop(self.dice.randrange(len(self._alive)))
        self._tokens.pop((namespace, name), None)
        await self.api.request("DELETE", f"{resources_path(namespace)}/{name}")

    async def _rotate(self) -> None:
        value = {names.ANNOTATION_ROTATE: str(self.dice.random())}
        await self._patch({"metadata": {"annotations": value}})

    async def _edit(self) -> None:
        await self._patch({"spec": {"description": str(self.dice.random())}})

    async def _tamper(self) -> None:
        """Delete a Secret, which the operator then issues for anew."""
        namespace, name = self.dice.choice(self._alive)
        await self.api.request("DELETE", f"{secrets_path(namespace)}/{name}-token")

    async def _patch(self, patch: dict[str, object]) -> None:
        namespace, name = self.dice.choice(self._alive)
        path = f"{resources_path(namespace)}/{name}"
        await self.api.request("PATCH", path, msgspec.json.encode(patch), MERGE_PATCH)

    async def _learn(self) -> None:
        """Read a token, as a pod that mounts it does."""
        namespace, name = self.dice.choice(self._alive)
        self._tokens[namespace, name] = await read_token(self.api, namespace, name)

    async def _ask(self) -> None:
        if not self._tokens:
            return
        token = self.dice.choice(list(self._tokens.values()))
        async with self.session.post(
            f"http://{self.gate}/issuers/soak/oauth2/introspect",
            data=f"token={quote_plus(token)}",
            headers={
                "Authorization": f"Bearer {self.asker}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
        ) as response:
            answer = await response.json()
            if response.status != 200:
                raise Refused(f"introspection: {response.status} {answer}")
            self.done["active" if answer["active"] else "inactive"] += 1


async def read_token(api: Api, namespace: str, name: str) -> str:
    """The token in the Secret of a resource."""
    raw = await api.request("GET", f"{secrets_path(namespace)}/{name}-token")
    return base64.b64decode(msgspec.json.decode(raw)["data"]["token"]).decode()


def _resource(kind: str, name: str, spec: Mapping[str, object]) -> bytes:
    token = {"lifetime": LIFETIME, "overlap": "30s"}
    return msgspec.json.encode(
        {
            "apiVersion": names.API_VERSION,
            "kind": kind,
            "metadata": {"name": name},
            "spec": {"issuerRef": {"name": "soak"}, "token": token, **spec},
        }
    )


@asynccontextmanager
async def prepared(stage: Stage, gate: str) -> AsyncIterator[Load]:
    """Make what the load needs: an issuer that knows the scope `introspect`, namespaces, and who asks."""
    namespaces = [await stage.namespace(f"soak-{number}") for number in range(NAMESPACES)]
    await stage.issuer("soak", scopes=[{"name": "introspect"}])
    path = collection_path(names.API_VERSION, USER_ACCESS_TOKEN.plural, namespaces[0])
    spec = {
        "user": {"email": "asker@example.com"},
        "scopes": ["introspect"],
        "token": {"lifetime": "24h"},
    }
    await stage.api.request("POST", path, _resource(USER_ACCESS_TOKEN.kind, "asker", spec))

    async def is_active() -> bool:
        found = msgspec.json.decode(await stage.api.request("GET", f"{path}/asker"))
        return bool(found.get("status", {}).get("state") == State.ACTIVE)

    await until(is_active)
    async with aiohttp.ClientSession() as session:
        yield Load(
            stage.api,
            gate,
            session,
            namespaces,
            asker=await read_token(stage.api, namespaces[0], "asker"),
        )
