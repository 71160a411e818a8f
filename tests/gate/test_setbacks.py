"""What goes wrong around a gate: overtaken writes, objects that cannot be read, callers in excess."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gate.workbench import NOW, SERVICES, UID, Workbench, rfc3339
from mintmaster.api.kinds import USER_ACCESS_TOKEN
from mintmaster.gate.settings import CallerSettings, Settings
from mintmaster.gate.sinks import IssuerSink, ResourceSink
from mintmaster.kube.errors import Conflict, Forbidden, NotFound
from mintmaster.tokens import opaque
from mintmaster.tokens.keys import SigningKey
from reconcile.builders import grant

if TYPE_CHECKING:
    from collections.abc import Callable

REVOKE = "/oauth2/revoke"


@pytest.fixture
def bench() -> Workbench:
    return Workbench()


class Api:
    """An API server that holds one resource, and takes writes as it is told."""

    def __init__(self, bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.uid = UID
        self.setbacks: list[Exception] = []
        self.patches: list[Any] = []
        monkeypatch.setattr(bench.process.client, "get", self.get)
        monkeypatch.setattr(bench.process.client, "merge_patch", self.merge_patch)

    async def get(self, _path: str) -> bytes:
        return self._object(revoked=False)

    async def merge_patch(self, _path: str, patch: Any) -> bytes:
        self.patches.append(patch)
        if self.setbacks:
            raise self.setbacks.pop(0)
        return self._object(revoked=True)

    def _object(self, *, revoked: bool) -> bytes:
        version = str(len(self.patches))
        metadata = {"name": "ada", "namespace": "team", "uid": self.uid, "resourceVersion": version}
        spec = {"user": {"email": "ada@team.example"}, "revoked": revoked}
        return msgspec.json.encode({"metadata": metadata, "spec": spec})


async def test_a_revocation_that_is_overtaken_is_tried_again_on_what_is_there_now(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, api = bench.issue(), Api(bench, monkeypatch)
    api.setbacks = [Conflict(409, "stale")]
    assert (await bench.post(REVOKE, {"token": token}, credential=token)).status == 200
    versions = [patch["metadata"]["resourceVersion"] for patch in api.patches]
    assert versions == ["0", "1"]
    assert not await bench.is_active(token)


async def test_a_resource_of_another_life_is_not_revoked(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, api = bench.issue(), Api(bench, monkeypatch)
    api.uid = "another-life"
    assert (await bench.post(REVOKE, {"token": token}, credential=token)).status == 200
    assert api.patches == []


@pytest.mark.parametrize(
    ("setbacks", "status"),
    [
        ([NotFound(404, "gone")], 200),
        ([Forbidden(403, "the gate may not")], 503),
        ([Conflict(409, "stale") for _ in range(100)], 503),
    ],
)
async def test_a_revocation_that_fails_is_never_said_to_have_succeeded(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, setbacks: list[Exception], status: int
) -> None:
    token, api = bench.issue(), Api(bench, monkeypatch)
    api.setbacks = setbacks
    answer = await bench.post(REVOKE, {"token": token}, credential=token)
    assert answer.status == status
    assert status == 200 or int(answer.headers["Retry-After"]) > 0


async def test_31_an_inactive_opaque_token_of_ours_is_not_shown_to_the_api_server(
    bench: Workbench,
) -> None:
    answer = await bench.post("/oauth2/introspect", {"token": "x"}, credential=opaque.mint("glrt-"))
    assert answer.status == 401


async def test_callers_in_excess_are_told_to_come_back() -> None:
    bench = Workbench(settings=Settings(callers=CallerSettings(max_asking=0)))
    answer = await bench.post("/oauth2/introspect", {"token": "x"}, credential="stranger")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


@pytest.mark.parametrize(("roles", "status"), [(["Administrator"], 200), ([], 401)])
async def test_only_an_administrator_asks_about_the_tokens_of_another_issuer(
    bench: Workbench, roles: list[str], status: int
) -> None:
    bench.publish(grants=[grant("*")], roles=[{"name": "Administrator", "scopes": []}])
    bench.publish("other", uid="other")

    def at_home(body: dict[str, Any]) -> None:
        body["metadata"]["namespace"] = "mintmaster-system"

    admin = bench.issue(
        uid="admin", name="admin", roles=roles, scopes=["introspect"], change=at_home
    )
    path = "/issuers/other/oauth2/introspect"
    assert (await bench.post(path, {"token": "x"}, credential=admin)).status == status


async def test_a_role_of_that_name_elsewhere_makes_no_administrator(bench: Workbench) -> None:
    bench.publish(
        roles=[{"name": "Administrator", "scopes": ["read_api"]}],
    )
    pretender = bench.issue(uid="eve", name="eve", roles=["Administrator"])
    answer = await bench.post("/oauth2/introspect", {"token": "x"}, credential=pretender)
    assert answer.status == 403


def damaged(bench: Workbench) -> dict[str, Any]:
    return bench.key_record() | {"publicJwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}


def private(bench: Workbench) -> dict[str, Any]:
    return bench.key_record() | {"publicJwk": bench.key.public.jwk() | {"d": "AA"}}


def misnamed(_: Workbench) -> dict[str, Any]:
    other = SigningKey.generate()
    return {"id": "x", "algorithm": "ES256", "state": "Active", "publicJwk": other.public.jwk()}


@pytest.mark.parametrize("record", [damaged, private, misnamed])
async def test_41_a_key_that_is_not_as_it_should_be_is_neither_used_nor_published(
    bench: Workbench, record: Callable[[Workbench], dict[str, Any]]
) -> None:
    token = bench.issue()
    bench.publish(keys=[record(bench)])
    assert (await bench.ask("GET", "/jwks")).json == {"keys": []}
    assert await bench.review(token, SERVICES) == {"authenticated": False}


async def test_a_resource_that_cannot_be_read_has_no_active_token(bench: Workbench) -> None:
    token = bench.issue()
    sink = ResourceSink(bench.process.knowledge, USER_ACCESS_TOKEN)
    broken = {"metadata": {"name": "ada", "namespace": "team", "uid": UID}, "spec": {"user": 7}}
    sink.upsert(msgspec.Raw(msgspec.json.encode(broken)), listed=False)
    assert not await bench.is_active(token)


async def test_an_issuer_that_cannot_be_read_or_is_being_deleted_answers_for_nothing(
    bench: Workbench,
) -> None:
    sink = IssuerSink(bench.process.knowledge)
    for change in ({"spec": 7}, {"spec": SPEC}):
        bench.publish()
        assert (await bench.ask("GET", "/jwks")).status == 200
        metadata = {
            "name": "default",
            "uid": "issuer",
            "deletionTimestamp": rfc3339(NOW + timedelta(seconds=1)),
        }
        sink.upsert(
            msgspec.Raw(msgspec.json.encode({"metadata": metadata, **change})), listed=False
        )
        assert (await bench.ask("GET", "/jwks")).status == 404


SPEC = {"url": "https://default.example.org", "signer": "Operator", "audiences": [SERVICES]}


async def test_a_defect_is_answered_500_and_logged_without_a_word_to_the_caller(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(bench.process.verification, "judge", broken)
    answer = await bench.ask(
        "POST",
        "/k8s/tokenreview",
        body=b'{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{}}',
    )
    assert (answer.status, answer.json) == (500, {"error": "server_error"})
    assert "ZeroDivisionError" in caplog.text
