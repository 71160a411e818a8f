"""Applications that introspect and revoke, and the revocation of single access tokens (RFC 7662, 2.1; RFC 7009, 2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gate.harness import INACTIVE
from gate.minting_bench import (
    APPLICATION_UID,
    APPLICATIONS,
    CLIENT_ID,
    OTHER_AUDIENCE,
    MintingBench,
    basic,
    claims,
)
from gate.workbench import FORM, NOW, SERVICES, rfc3339
from mintmaster.api import decoding
from mintmaster.api.client_application import MAX_REVOKED_TOKENS
from mintmaster.api.kinds import CLIENT_APPLICATION
from mintmaster.kube.errors import Conflict, Forbidden, NotFound
from mintmaster.lifecycle.known import known

if TYPE_CHECKING:
    from pathlib import Path

    from gate.harness import Answer

INTROSPECT = "/oauth2/introspect"
REVOKE = f"{APPLICATIONS}/oauth2/revoke"


@pytest.fixture
def bench(tmp_path: Path) -> MintingBench:
    return MintingBench(folder=tmp_path)


@dataclass
class Api:
    """An API server that holds the application, keeps merge patches of its status, and fails as it is told."""

    bench: MintingBench
    body: dict[str, Any] = field(default_factory=dict)
    setbacks: list[Exception] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    patches: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bench.apply(change=self.body.update)
        self.body["metadata"]["resourceVersion"] = "1"

    async def get(self, _path: str) -> bytes:
        return msgspec.json.encode(self.body)

    async def merge_patch(self, path: str, patch: Any) -> bytes:
        if self.setbacks:
            raise self.setbacks.pop(0)
        assert patch["metadata"] == {"resourceVersion": self.body["metadata"]["resourceVersion"]}
        self.paths.append(path)
        self.patches.append(patch["status"])
        for name, value in patch["status"].items():
            self.body["status"].pop(name, None)
            if value is not None:
                self.body["status"][name] = value
        self.body["metadata"]["resourceVersion"] = str(1 + len(self.patches))
        return msgspec.json.encode(self.body)

    @property
    def revoked(self) -> list[Any]:
        return list(self.body["status"].get("revokedTokens", ()))


@pytest.fixture
def api(bench: MintingBench, monkeypatch: pytest.MonkeyPatch) -> Api:
    found = Api(bench)
    monkeypatch.setattr(bench.process.client, "get", found.get)
    monkeypatch.setattr(bench.process.client, "merge_patch", found.merge_patch)
    return found


async def revoke(bench: MintingBench, token: str, client: tuple[str, str] | None = None) -> Answer:
    shown = basic(*(client or (CLIENT_ID, bench.client_secret)))
    return await bench.post(REVOKE, {"token": token}, shown, credential="")


# Introspection -------------------------------------------------------------------------------------


async def test_an_application_with_the_scope_introspects_tokens_of_any_issuer_for_its_audiences(
    bench: MintingBench,
) -> None:
    theirs = bench.issue()
    elsewhere = bench.issue(uid="else", name="eve", audiences=["https://third.example.org"])
    assert (await bench.introspected(theirs, issuer=""))["sub"] == "user:ada@team.example"
    assert await bench.introspected(elsewhere, issuer="") == {"active": False}


async def test_its_access_token_is_as_good_as_its_secret(bench: MintingBench) -> None:
    credential = await bench.access_token(audience=SERVICES, scope="introspect")
    answer = await bench.post(INTROSPECT, {"token": bench.issue()}, credential=credential)
    assert answer.json["active"] is True
    for_others = await bench.access_token(audience=OTHER_AUDIENCE, scope="introspect")
    answer = await bench.post(INTROSPECT, {"token": bench.issue()}, credential=for_others)
    assert answer.body == INACTIVE


async def test_31_an_application_without_the_scope_may_not_introspect(bench: MintingBench) -> None:
    bench.apply(name="other", uid="other", client_secret="theirs", scopes=["api"])
    answer = await bench.post(
        INTROSPECT, {"token": bench.issue()}, basic("team.other", "theirs"), credential=""
    )
    assert (answer.status, answer.json["error"]) == (403, "insufficient_scope")


@pytest.mark.parametrize("path", [INTROSPECT, "/oauth2/revoke"])
async def test_31_a_wrong_secret_is_no_credential(bench: MintingBench, path: str) -> None:
    shown = basic(CLIENT_ID, "wrong")
    answer = await bench.post(path, {"token": bench.issue()}, shown, credential="")
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")
    assert answer.headers["Www-Authenticate"].startswith("Basic ")


async def test_the_secret_may_stand_in_the_body(bench: MintingBench) -> None:
    form = {
        "token": bench.issue(),
        "client_id": CLIENT_ID,
        "client_secret": bench.client_secret,
    }
    assert (await bench.post(INTROSPECT, form, credential="")).json["active"] is True
    again = await bench.post(INTROSPECT, form, credential=bench.asker)
    assert again.json["active"] is True


async def test_a_client_secret_is_no_token(bench: MintingBench) -> None:
    assert await bench.introspected(bench.client_secret) == {"active": False}
    answer = await bench.post(INTROSPECT, {"token": "x"}, credential=bench.client_secret)
    assert answer.status == 401


async def test_a_disabled_application_asks_nothing(bench: MintingBench) -> None:
    bench.apply(change=lambda body: body["spec"].update(enabled=False))
    shown = basic(CLIENT_ID, bench.client_secret)
    answer = await bench.post(INTROSPECT, {"token": bench.issue()}, shown, credential="")
    assert answer.status == 401


# Revocation ----------------------------------------------------------------------------------------


async def test_34_an_application_revokes_one_of_its_tokens_and_keeps_the_others(
    bench: MintingBench, api: Api
) -> None:
    token, other = await bench.access_token(), await bench.access_token()
    for _ in range(2):
        assert (await revoke(bench, token)).status == 200
        assert await bench.introspected(token) == {"active": False}
    assert (await bench.introspected(other))["active"] is True
    found = claims(token)
    expires_at = rfc3339(NOW + timedelta(hours=10))
    assert api.revoked == [{"id": found["jti"], "expiresAt": expires_at}]
    assert api.paths == [
        "/apis/mintmaster.dev/v1alpha1/namespaces/team/clientapplications/ci/status"
    ]


async def test_34_whoever_holds_a_token_may_revoke_it(bench: MintingBench, api: Api) -> None:
    token = await bench.access_token()
    assert (await bench.post(REVOKE, {"token": token}, credential=token)).status == 200
    assert await bench.introspected(token) == {"active": False}
    assert len(api.revoked) == 1


async def test_34_somebody_elses_token_is_refused_and_stays_active(
    bench: MintingBench, api: Api
) -> None:
    bench.apply(name="other", uid="other", client_secret="theirs")
    token = await bench.access_token()
    answer = await revoke(bench, token, ("team.other", "theirs"))
    assert (answer.status, answer.json["error"]) == (400, "unauthorized_client")
    assert (await bench.introspected(token))["active"] is True
    assert api.patches == []


async def test_34_the_scope_revoke_reaches_shared_audiences(bench: MintingBench, api: Api) -> None:
    bench.apply(name="officer", uid="officer", client_secret="theirs", scopes=["revoke"])
    token = await bench.access_token()
    assert (await revoke(bench, token, ("team.officer", "theirs"))).status == 200
    assert await bench.introspected(token) == {"active": False}


async def test_what_has_expired_is_dropped_from_the_list(bench: MintingBench, api: Api) -> None:
    past, ahead = rfc3339(NOW - timedelta(hours=1)), rfc3339(NOW + timedelta(hours=1))
    kept = {"id": "ahead", "expiresAt": ahead}
    api.body["status"]["revokedTokens"] = [{"id": "past", "expiresAt": past}, kept]
    assert (await revoke(bench, await bench.access_token())).status == 200
    assert len(api.revoked) == 2
    assert api.revoked[0] == kept


async def test_past_the_lists_room_all_tokens_up_to_now_are_revoked(
    bench: MintingBench, api: Api
) -> None:
    ahead = rfc3339(NOW + timedelta(hours=1))
    full = [{"id": f"{n}", "expiresAt": ahead} for n in range(MAX_REVOKED_TOKENS)]
    api.body["status"]["revokedTokens"] = full
    token, other = await bench.access_token(), await bench.access_token()
    assert (await revoke(bench, token)).status == 200
    assert api.revoked == []
    assert api.body["status"]["notBefore"] == rfc3339(NOW + timedelta(seconds=1))
    for former in (token, other):
        review = await bench.review_at_applications(former)
        assert review == {"authenticated": False}
    bench.later(seconds=1)
    assert (await bench.introspected(await bench.access_token()))["active"] is True


async def test_a_revocation_that_is_overtaken_is_tried_again_on_what_is_there_now(
    bench: MintingBench, api: Api
) -> None:
    token = await bench.access_token()
    api.setbacks = [Conflict(409, "stale"), Conflict(409, "stale")]
    assert (await revoke(bench, token)).status == 200
    assert await bench.introspected(token) == {"active": False}


@pytest.mark.parametrize(
    ("setbacks", "status"),
    [
        ([NotFound(404, "gone")], 200),
        ([Forbidden(403, "the gate may not")], 503),
        ([Conflict(409, "stale") for _ in range(100)], 503),
    ],
)
async def test_a_revocation_that_fails_is_never_said_to_have_succeeded(
    bench: MintingBench, api: Api, setbacks: list[Exception], status: int
) -> None:
    token = await bench.access_token()
    api.setbacks = setbacks
    answer = await revoke(bench, token)
    assert answer.status == status
    assert status == 200 or int(answer.headers["Retry-After"]) > 0


async def test_an_application_of_another_life_is_left_alone(bench: MintingBench, api: Api) -> None:
    token = await bench.access_token()
    api.body["metadata"]["uid"] = "another-life"
    assert (await revoke(bench, token)).status == 200
    assert api.patches == []


async def test_a_revocation_is_not_taken_back_by_an_event_that_comes_late(
    bench: MintingBench, api: Api
) -> None:
    token = await bench.access_token()
    before = msgspec.json.encode(api.body)
    assert (await revoke(bench, token)).status == 200
    observe(bench, before)
    assert await bench.introspected(token) == {"active": False}
    # A list, on the other hand, tells how things are: so does a database that went back.
    observe(bench, before, listed=True)
    assert (await bench.introspected(token))["active"] is True


async def test_late_events_do_not_make_the_list_grow_without_end(
    bench: MintingBench, api: Api
) -> None:
    for number in range(3 * MAX_REVOKED_TOKENS):
        api.body["status"]["revokedTokens"] = [{"id": str(number), "expiresAt": rfc3339(NOW)}]
        observe(bench, msgspec.json.encode(api.body))
    resource = bench.process.knowledge.resource(APPLICATION_UID)
    assert resource is not None
    assert resource.application is not None
    assert len(resource.application.revoked_tokens) == 2 * MAX_REVOKED_TOKENS
    assert resource.application.revoked_tokens[-1] == str(3 * MAX_REVOKED_TOKENS - 1)


def observe(bench: MintingBench, body: bytes, *, listed: bool = False) -> None:
    application = decoding.decode(CLIENT_APPLICATION, body)
    bench.process.knowledge.observe(known("ClientApplication", application), listed=listed)


# What is published ---------------------------------------------------------------------------------


async def test_only_an_issuer_that_gates_sign_for_names_a_token_endpoint(
    bench: MintingBench,
) -> None:
    path = "/.well-known/openid-configuration"
    ours = (await bench.ask("GET", APPLICATIONS + path)).json
    assert ours["token_endpoint"] == "https://applications.example.org/oauth2/token"
    assert ours["token_endpoint_auth_methods_supported"] == [
        "client_secret_basic",
        "client_secret_post",
    ]
    assert ours["grant_types_supported"] == [
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ]
    theirs = (await bench.ask("GET", path)).json
    assert not [name for name in theirs if name.startswith(("token_", "grant_"))]
    assert "client_secret_basic" in theirs["introspection_endpoint_auth_methods_supported"]


async def test_what_became_of_requests_for_tokens_is_counted(bench: MintingBench) -> None:
    await bench.access_token()
    await bench.token({"scope": "revoke"})
    await bench.token(client=(CLIENT_ID, "wrong"))
    text = (await bench.ask("GET", "/metrics")).body.decode()
    for outcome in ("issued", "invalid_scope", "invalid_client"):
        series = f'mintmaster_gate_grants_total{{grant="client_credentials",outcome="{outcome}"}}'
        assert f"{series} 1.0" in text


async def test_66_no_answer_and_no_log_line_tells_a_secret(
    bench: MintingBench, caplog: pytest.LogCaptureFixture
) -> None:
    guess = "mms_guess-0123456789"
    with caplog.at_level("DEBUG"):
        token = await bench.access_token()
        wrong = await bench.token(client=(CLIENT_ID, guess))
        body = f"grant_type=x&client_id=y&client_secret={guess}".encode()
        unknown = await bench.ask(
            "POST", f"{APPLICATIONS}/oauth2/token", body=body, headers=(FORM,)
        )
    answers = f"{wrong.headers}{wrong.body!r}{unknown.headers}{unknown.body!r}"
    for canary in (guess, bench.client_secret, token):
        assert canary not in answers
        assert canary not in caplog.text
