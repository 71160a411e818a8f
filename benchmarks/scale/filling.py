"""Resources that were issued for, put straight into etcd: a tenth of the time that the API server takes for them.

Each is what the operator itself would have made of it: the same decision, token, Secret and status, signed with the
issuer's key. So an operator that starts finds nothing to do.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec

from benchmarks.api import resources_path, secrets_path
from benchmarks.bare import each
from benchmarks.stage import OPERATOR_NAMESPACE
from mintmaster.api import decoding, names
from mintmaster.api.kinds import RUNNER_REGISTRATION, TOKEN_ISSUER
from mintmaster.kube.paths import object_path
from mintmaster.lifecycle import rfc3339, secret_content
from mintmaster.lifecycle.decision import decide
from mintmaster.lifecycle.facts import Facts
from mintmaster.lifecycle.issuer_view import IssuerView
from mintmaster.lifecycle.outcome import next_status, patch_of
from mintmaster.lifecycle.readiness import Outcome
from mintmaster.localcluster.certificates import Certificates
from mintmaster.operator.key_store import pem_name, secret_name
from mintmaster.operator.minting import mint
from mintmaster.tokens.keys import SigningKey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from benchmarks.stage import Stage
    from mintmaster.api.runner_registration import RunnerRegistration

Object = dict[str, Any]
Put = tuple[str, bytes]

RESOURCES = f"/registry/{names.GROUP}/{RUNNER_REGISTRATION.plural}/"
SECRETS = "/registry/secrets/"
"""Where the API server keeps them."""

PUTS_AT_ONCE = 100
"""In one transaction of etcd, which allows 128 operations and 1.5 MiB."""

CONNECTIONS = 4
"""With the database, which resets some of many that are opened at once."""


@dataclass(frozen=True, slots=True)
class Filler:
    """Makes objects as they lie in etcd."""

    issuer: IssuerView
    key: SigningKey
    managed_fields: tuple[Object, Object]
    """Of a resource and of a Secret that the API server stored, which are part of their size."""

    def objects(self, namespace: str, name: str, renew_at: datetime | None) -> Iterator[Put]:
        """A resource, Active, and its Secret, by their keys; due for renewal then if that is said."""
        resource = self._resource(namespace, name)
        facts = self._facts(resource, datetime.now(UTC))
        if renew_at is not None:
            facts = self._facts(resource, facts.now + (renew_at - self._renewal_of(facts)))
        plan = decide(facts)
        assert plan is not None
        assert plan.issue is not None, plan.obstacle
        minted = mint(facts, plan.issue, self.key)
        assert minted.token is not None
        content = secret_content.content(facts, minted.record, token=minted.token)
        status = next_status(facts, plan, Outcome(issued=minted.record))
        yield (
            f"{RESOURCES}{namespace}/{name}",
            msgspec.json.encode(
                _resource_body(resource, self.managed_fields[0])
                | {"status": patch_of(resource.status, status)}
            ),
        )
        yield (
            f"{SECRETS}{namespace}/{name}-token",
            msgspec.json.encode(_secret_body(resource, content, self.managed_fields[1])),
        )

    def _facts(self, resource: RunnerRegistration, now: datetime) -> Facts:
        return Facts(
            kind=RUNNER_REGISTRATION.kind,
            resource=resource,
            secret=None,
            issuer=self.issuer,
            now=rfc3339.whole_seconds(now),
        )

    def _renewal_of(self, facts: Facts) -> datetime:
        return facts.schedule.renew_at(facts.now, facts.uid)

    def _resource(self, namespace: str, name: str) -> RunnerRegistration:
        meta = {
            "name": name,
            "namespace": namespace,
            "uid": str(uuid.uuid4()),
            "generation": 1,
            "creationTimestamp": rfc3339.format(rfc3339.whole_seconds(datetime.now(UTC))),
        }
        return decoding.decode(
            RUNNER_REGISTRATION,
            {
                "apiVersion": names.API_VERSION,
                "kind": RUNNER_REGISTRATION.kind,
                "metadata": meta,
                "spec": {
                    "description": "Builds of the team",
                    "type": "Project",
                    "project": "team/app",
                },
            },
        )


def _resource_body(resource: RunnerRegistration, managed_fields: Object) -> Object:
    meta = resource.metadata
    created = meta.creation_timestamp
    assert created is not None
    spec: Object = msgspec.to_builtins(resource.spec)
    return {
        "apiVersion": names.API_VERSION,
        "kind": RUNNER_REGISTRATION.kind,
        "metadata": {
            "name": meta.name,
            "namespace": meta.namespace,
            "uid": meta.uid,
            "generation": 1,
            "creationTimestamp": rfc3339.format(created),
            "managedFields": managed_fields,
        },
        "spec": {key: value for key, value in spec.items() if value is not None},
    }


def _secret_body(
    resource: RunnerRegistration, content: secret_content.Content, managed_fields: Object
) -> Object:
    meta = resource.metadata
    created = meta.creation_timestamp
    assert created is not None
    assert content.owner is not None
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": f"{meta.name}-token",
            "namespace": meta.namespace,
            "uid": str(uuid.uuid4()),
            "creationTimestamp": rfc3339.format(created),
            "labels": content.labels,
            "annotations": content.annotations,
            "ownerReferences": [msgspec.to_builtins(content.owner)],
            "managedFields": managed_fields,
        },
        "data": content.data,
    }


async def filler(stage: Stage, namespace: str, sample: str) -> Filler:
    """Make one, with the key of the issuer and the managed fields of a resource that was issued for."""
    api = stage.api
    path = object_path(names.API_VERSION, TOKEN_ISSUER.plural, None, "default")
    issuer = decoding.decode(TOKEN_ISSUER, await api.request("GET", path))
    (active,) = [it.id for it in issuer.status.keys if it.state == "Active"]
    keys = object_path("v1", "secrets", OPERATOR_NAMESPACE, secret_name("default"))
    stored = msgspec.json.decode(await api.request("GET", keys))["data"]
    pem = base64.b64decode(stored[pem_name(active)])
    found = msgspec.json.decode(await api.request("GET", f"{resources_path(namespace)}/{sample}"))
    secret = msgspec.json.decode(
        await api.request("GET", f"{secrets_path(namespace)}/{sample}-token")
    )
    return Filler(
        IssuerView("default", issuer.spec, signing_key_id=active),
        SigningKey.from_pem(pem, active),
        (found["metadata"]["managedFields"], secret["metadata"]["managedFields"]),
    )


@dataclass(frozen=True, slots=True)
class Etcd:
    """The database of a control plane, over its JSON gateway."""

    url: str
    session: aiohttp.ClientSession
    turns: asyncio.Semaphore

    async def put(self, puts: list[Put]) -> None:
        """Write all of them at once."""
        operations = [
            {"requestPut": {"key": _base64(key.encode()), "value": _base64(value)}}
            for key, value in puts
        ]
        async with self.session.post(f"{self.url}/v3/kv/txn", json={"success": operations}) as it:
            assert it.status == 200, await it.text()

    async def delete(self, prefix: str) -> None:
        """Delete everything whose key begins so."""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        body = {"key": _base64(prefix.encode()), "range_end": _base64(end.encode())}
        async with self.session.post(f"{self.url}/v3/kv/deleterange", json=body) as it:
            assert it.status == 200, await it.text()

    async def size(self) -> int:
        """Octets that it takes on the disk and that are in use."""
        return int((await self._status())["dbSizeInUse"])

    async def revision(self) -> str:
        """The resourceVersion of what was written last."""
        return str((await self._status())["header"]["revision"])

    async def _status(self) -> Any:
        async with self.session.post(f"{self.url}/v3/maintenance/status", json={}) as it:
            return await it.json()


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


@asynccontextmanager
async def etcd(stage: Stage) -> AsyncIterator[Etcd]:
    """Open a session with the database of the stage."""
    files = Certificates(stage.cluster.paths.pki)
    context = ssl.create_default_context(cafile=str(files.authority))
    context.load_cert_chain(files.serving.certificate, files.serving.key)
    health = stage.cluster.component("etcd").recipe.health
    connector = aiohttp.TCPConnector(ssl=context, limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Etcd(health.removesuffix("/health"), session, asyncio.Semaphore(CONNECTIONS))


async def fill(  # noqa: PLR0913 - what is put, and where
    store: Etcd,
    with_: Filler,
    namespace: str,
    numbers: range,
    *,
    renew_at: Callable[[int], datetime] | None = None,
    watched: bool = False,
) -> None:
    """Put resources of these numbers and their Secrets into a namespace.

    All that is put at once has one resourceVersion. An API server gives each object one of its own, and a watch that is
    taken up where it ended relies on that: where somebody watches, they are put one by one.
    """
    together = 1 if watched else PUTS_AT_ONCE // 2

    async def put(batch: range) -> None:
        due = [renew_at(number) if renew_at is not None else None for number in batch]
        objects = (
            with_.objects(namespace, f"r-{number:05}", when)
            for number, when in zip(batch, due, strict=True)
        )
        async with store.turns:  # before they are made, or all of them would be at once
            await store.put([put for both in objects for put in both])

    batches = (numbers[start : start + together] for start in range(0, len(numbers), together))
    await each(batches, put)


def spread(seconds: float, count: int, begin: datetime) -> Callable[[int], datetime]:
    """Moments spread evenly over so many seconds."""
    return lambda number: begin + timedelta(seconds=seconds * number / count)
