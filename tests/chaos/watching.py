"""Seeing what the API server has, all the time: every state of every resource, and every token in any Secret."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from chaos import objects, reading
from chaos.api import OURS, Unanswered
from chaos.record import OBSERVER, Disturbance, State

if TYPE_CHECKING:
    from chaos.api import Api
    from chaos.record import Object, Record

SECRETS = "/api/v1/secrets"
KINDS = {
    "RunnerRegistration": f"{OURS}/runnerregistrations",
    "UserAccessToken": f"{OURS}/useraccesstokens",
    "ClientApplication": f"{OURS}/clientapplications",
}
_PAUSE = 0.2
_TOKEN = re.compile(r"[A-Za-z0-9_.-]{30,}")
_WRITTEN = re.compile(r"/namespaces/chaos-[ab]/secrets(?:/([^/]+))?$")


class Collection:
    """Every token that is ever seen, kept in memory alone."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def note(self, name: str, data: dict[str, str]) -> None:
        """Remember the tokens in the data of a Secret."""
        if name.startswith("mintmaster-issuer-") or name == objects.ASKER_SECRET:
            return
        for key in objects.TOKEN_KEYS:
            text = base64.b64decode(data.get(key) or "").decode(errors="replace")
            if _TOKEN.fullmatch(text):
                self._record.tokens.setdefault(reading.digest(text), text)

    def tap(self, path: str, body: bytes) -> None:
        """Remember what somebody is about to write into a Secret, whatever becomes of that."""
        found = _WRITTEN.search(path)
        if found is None:
            return
        with suppress(ValueError):
            item = json.loads(body)
            self.note(found.group(1) or item["metadata"]["name"], item.get("data") or {})


class Observer:
    """Follows resources and Secrets, and writes down what it sees."""

    def __init__(self, api: Api, record: Record, collection: Collection) -> None:
        self._api = api
        self._record = record
        self._collection = collection
        self._watching: dict[str, asyncio.Timeout] = {}
        self.resources: dict[str, Object] = {}
        """As they were seen last, by UID."""
        self.secrets: dict[str, Object] = {}
        """As they were seen last, by namespace and name."""

    async def run(self) -> None:
        """Observe until cancelled."""
        async with asyncio.TaskGroup() as group:
            for kind, path in KINDS.items():
                group.create_task(self._follow(kind, path))
            group.create_task(self._follow("Secret", SECRETS))

    async def _follow(self, kind: str, path: str) -> None:
        while True:
            since = time.monotonic()
            version = ""
            while not version:
                with suppress(Unanswered):
                    version = await self._list(kind, path)
                    break
                await asyncio.sleep(_PAUSE)
            self._record.disturbances.append(Disturbance(OBSERVER, since, time.monotonic()))
            with suppress(Unanswered, TimeoutError):
                async with asyncio.timeout(None) as self._watching[kind]:
                    await self._watch(kind, path, version)
            self._watching.pop(kind, None)
            await asyncio.sleep(_PAUSE)

    async def _list(self, kind: str, path: str) -> str:
        found = await self._api.get(path)
        items = [{**item, "kind": kind} for item in found["items"]]
        if kind == "Secret":
            self.secrets = {reading.where(item): item for item in items}
        else:
            there = {item["metadata"]["uid"] for item in items}
            for uid, known in list(self.resources.items()):
                if known["kind"] == kind and uid not in there:
                    self._gone(known)
        for item in items:
            self._saw(item)
        return str(found["metadata"]["resourceVersion"])

    async def _watch(self, kind: str, path: str, version: str) -> None:
        async with self._api.watch(path, version) as events:
            async for event in events:
                item = {**event["object"], "kind": kind}
                if event["type"] == "DELETED":
                    self._gone(item)
                elif event["type"] != "BOOKMARK":
                    self._saw(item)

    def anew(self) -> None:
        """Versions went back: list everything again, for a watch that stands would stay silent."""
        for deadline in self._watching.values():
            deadline.reschedule(0)

    def _saw(self, item: Object) -> None:
        if item["kind"] == "Secret":
            self.secrets[reading.where(item)] = item
            self._collection.note(item["metadata"]["name"], item.get("data") or {})
            return
        self.resources[item["metadata"]["uid"]] = item
        self._record.states.append(state(item))

    def _gone(self, item: Object) -> None:
        if item["kind"] == "Secret":
            self.secrets.pop(reading.where(item), None)
            return
        self.resources.pop(item["metadata"]["uid"], None)
        self._record.states.append(state(item, gone=True))


def state(item: Object, *, gone: bool = False) -> State:
    """What matters of a resource as it is now."""
    records = reading.recorded(item)
    return State(
        at=time.monotonic(),
        uid=item["metadata"]["uid"],
        name=reading.title(item),
        revision=int((item.get("status") or {}).get("revision") or 0),
        ends={} if reading.is_application(item) else reading.ends(item),
        ids=frozenset(it["id"] for it in records),
        revoked=reading.is_revoked(item),
        gone=gone or reading.is_gone(item),
        interval=reading.interval(item),
    )
