"""The OAuth endpoints against malformed and hostile requests (attacks B), and their errors as the RFCs want them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from gate.harness import INACTIVE
from gate.workbench import FORM, NOW, SERVICES, Workbench

INTROSPECT = "/oauth2/introspect"
REVOKE = "/oauth2/revoke"


@pytest.fixture
def bench() -> Workbench:
    return Workbench()


@pytest.mark.parametrize("path", [INTROSPECT, REVOKE])
async def test_31_without_a_credential_there_is_a_challenge_and_no_error_code(
    bench: Workbench, path: str
) -> None:
    answer = await bench.post(path, {"token": bench.issue()}, credential="")
    assert (answer.status, answer.body) == (401, b"")
    assert answer.headers["Www-Authenticate"] == 'Bearer realm="mintmaster"'


@pytest.mark.parametrize("path", [INTROSPECT, REVOKE])
async def test_31_an_inactive_token_is_no_credential(bench: Workbench, path: str) -> None:
    token = bench.issue()
    revoked = bench.issue(
        uid="gone", name="eve", change=lambda body: body["spec"].update(revoked=True)
    )
    answer = await bench.post(path, {"token": token}, credential=revoked)
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["Www-Authenticate"]
    assert answer.json["error"] == "invalid_token"
    assert await bench.is_active(token)


async def test_31_a_token_without_the_scope_may_not_introspect(bench: Workbench) -> None:
    token = bench.issue()
    answer = await bench.post(INTROSPECT, {"token": token}, credential=token)
    assert answer.status == 403
    assert 'scope="introspect"' in answer.headers["Www-Authenticate"]
    assert answer.json["error"] == "insufficient_scope"


async def test_31_a_token_for_another_audience_is_inactive_to_the_caller(bench: Workbench) -> None:
    token = bench.issue(audiences=["https://elsewhere.example.org"])
    assert not await bench.is_active(token)
    review = await bench.review(token, "https://elsewhere.example.org")
    assert review["authenticated"] is True


async def test_32_all_that_is_not_active_is_the_same_bytes(bench: Workbench) -> None:
    token = bench.issue()
    revoked = bench.issue(
        uid="gone", name="eve", change=lambda body: body["spec"].update(revoked=True)
    )
    answers = [await bench.introspect(it) for it in ("unknown", "a.b.c", revoked, token[:-1])]
    assert {(it.status, it.body, it.headers["Cache-Control"]) for it in answers} == {
        (200, INACTIVE, "no-store")
    }


@pytest.mark.parametrize("path", [INTROSPECT, REVOKE])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_33_39_only_post_is_allowed_and_no_token_in_the_query(
    bench: Workbench, path: str, method: str
) -> None:
    answer = await bench.ask(method, f"{path}?token={bench.issue()}")
    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize("path", [INTROSPECT, REVOKE])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"token=", 400),
        (b"other=x", 400),
        (b"token=a&token=b", 400),
        (b"token=a&token=a", 400),
        (b"token=a&x=1&x=2", 400),
        (b"token=%ff", 400),
        (b"token=\xff", 400),
        (b"token", 400),
        (b"&".join(b"p%d=1" % number for number in range(100)), 400),
        (b"token=" + b"x" * 20_000, 413),
    ],
)
async def test_33_a_malformed_form_is_an_invalid_request(
    bench: Workbench, path: str, body: bytes, status: int
) -> None:
    headers = (FORM, (b"authorization", f"Bearer {bench.asker}".encode()))
    answer = await bench.ask("POST", path, body=body, headers=headers)
    assert (answer.status, answer.json["error"]) == (status, "invalid_request")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "content_type", [b"application/json", b"multipart/form-data", b"", b"form"]
)
async def test_33_another_content_type_is_refused(bench: Workbench, content_type: bytes) -> None:
    headers = (
        (b"content-type", content_type),
        (b"authorization", f"Bearer {bench.asker}".encode()),
    )
    answer = await bench.ask("POST", INTROSPECT, body=b'{"token":"x"}', headers=headers)
    assert (answer.status, answer.json["error"]) == (415, "invalid_request")


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"bearer {}", 200),
        (b"BEARER {}", 200),
        (b"Bearer  {}", 200),
        (b"Bearer", 400),
        (b"Bearer ", 400),
        (b"Bearer {} x", 400),
        (b"Bearer {},", 400),
        (b"Bearer \x00", 400),
        (b"Bearer " + b"x" * 9000, 400),
        (b"Digest eDp5", 401),
        (b"", 401),
    ],
)
async def test_38_the_authorization_header_is_read_as_rfc_6750_says(
    bench: Workbench, header: bytes, status: int
) -> None:
    value = header.replace(b"{}", bench.asker.encode())
    answer = await bench.post(
        INTROSPECT, {"token": bench.issue()}, (b"authorization", value), credential=""
    )
    assert answer.status == status
    assert status == 200 or answer.headers["Www-Authenticate"].startswith("Bearer ")


async def test_38_two_authorization_headers_are_an_invalid_request(bench: Workbench) -> None:
    again = (b"authorization", f"Bearer {bench.asker}".encode())
    answer = await bench.post(INTROSPECT, {"token": bench.issue()}, again)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


async def test_40_no_error_repeats_what_the_request_said(bench: Workbench) -> None:
    canary = "canary-0123456789"
    headers = (FORM, (b"authorization", f"Bearer {bench.asker}".encode()))
    bodies = (canary, f"{canary}=1&{canary}=2", f"token={canary}%ff")
    for body in bodies:
        answer = await bench.ask("POST", INTROSPECT, body=body.encode(), headers=headers)
        assert answer.status == 400
        assert canary not in f"{answer.headers}{answer.body!r}"
    unknown = await bench.ask("GET", f"/issuers/{canary}/jwks")
    assert unknown.status == 404
    assert canary.encode() not in unknown.body


async def test_43_too_many_failures_are_told_to_come_back_and_hinder_nobody_else(
    bench: Workbench,
) -> None:
    token = bench.issue()
    forged = bench.sign(bench.header(), bench.claims() | {"jti": "forged"})
    failed = {(await bench.post(INTROSPECT, {"token": token}, credential=forged)).status}
    for _ in range(300):
        answer = await bench.post(INTROSPECT, {"token": token}, credential=forged)
        failed.add(answer.status)
    stranger = await bench.post(INTROSPECT, {"token": token}, credential="unheard-of")
    assert failed == {401}
    assert stranger.status == 429
    assert stranger.headers["Retry-After"] == "1"
    assert await bench.is_active(token)


async def test_43_an_administrators_former_token_works_in_its_overlap_only(
    bench: Workbench,
) -> None:
    def superseded(body: dict[str, Any]) -> None:
        body["status"]["tokens"][0]["validUntil"] = "2026-03-01T12:05:00Z"

    token, former = bench.issue(), bench.issue(uid="op", name="op", scopes=["introspect"])
    bench.issue(uid="op", name="op", scopes=["introspect"], token=former, change=superseded)
    assert (await bench.post(INTROSPECT, {"token": token}, credential=former)).status == 200
    bench.clock.instant = NOW + timedelta(minutes=5)
    assert (await bench.post(INTROSPECT, {"token": token}, credential=former)).status == 401


async def test_44_a_body_that_grows_too_long_is_refused_before_it_ends(bench: Workbench) -> None:
    endless = tuple(b"x" * 8192 for _ in range(1000))
    answer = await bench.ask("POST", INTROSPECT, headers=(FORM,), chunks=endless)
    assert answer.status == 413
    assert answer.headers["Connection"] == "close"


async def test_44_an_announced_length_is_enough_to_refuse(bench: Workbench) -> None:
    for length in (b"100000000", b"9" * 30):
        answer = await bench.ask("POST", INTROSPECT, headers=(FORM, (b"content-length", length)))
        assert answer.status == 413


async def test_85_the_oldest_claimant_keeps_an_opaque_token(bench: Workbench) -> None:
    value = "x" * 49
    bench.issue(uid="b", name="victim", token=value)
    assert (await bench.introspect(value)).json["sub"] == "user:victim@team.example"

    def later(body: dict[str, Any]) -> None:
        body["metadata"]["creationTimestamp"] = "2026-03-01T12:00:01Z"

    bench.issue(uid="a", name="thief", token=value, change=later)
    assert (await bench.introspect(value)).json["sub"] == "user:victim@team.example"
    bench.process.knowledge.forget("b")
    assert (await bench.introspect(value)).json["sub"] == "user:thief@team.example"


async def test_86_a_narrowed_issuer_makes_tokens_inactive_at_once(bench: Workbench) -> None:
    token = bench.issue()
    assert await bench.is_active(token)
    bench.publish(deniedSubjects=["user:ada@*"])
    assert not await bench.is_active(token)
    bench.publish()
    assert await bench.is_active(token)


async def test_a_withdrawn_key_voids_what_it_signed_before_the_operator_acts(
    bench: Workbench,
) -> None:
    token = bench.issue()
    bench.publish(withdrawnKeys=[bench.key.kid])
    assert await bench.review(token, SERVICES) == {"authenticated": False}
    assert (await bench.ask("GET", "/jwks")).json == {"keys": []}


@pytest.mark.parametrize("where", ["issuer", "resource"])
async def test_what_is_older_than_not_before_is_inactive(bench: Workbench, where: str) -> None:
    token = bench.issue()
    instant = "2026-03-01T12:00:01Z"
    if where == "issuer":
        bench.publish(notBefore=instant)
    else:
        bench.issue(token=token, change=lambda body: body["status"].update(notBefore=instant))
    assert await bench.review(token, SERVICES) == {"authenticated": False}


async def test_77_a_resource_that_is_being_deleted_has_no_active_token(bench: Workbench) -> None:
    token = bench.issue()
    deleted = {"deletionTimestamp": "2026-03-01T12:00:00Z"}
    bench.issue(token=token, change=lambda body: body["metadata"].update(deleted))
    assert not await bench.is_active(token)


async def test_72_a_superseded_token_is_inactive_when_its_overlap_ends(bench: Workbench) -> None:
    token = bench.issue()

    def superseded(body: dict[str, Any]) -> None:
        body["status"]["tokens"][0]["validUntil"] = "2026-03-01T12:05:00Z"

    bench.issue(token=token, change=superseded)
    assert (await bench.introspect(token)).json["exp"] == int(
        (NOW + timedelta(minutes=5)).timestamp()
    )
    bench.clock.instant = NOW + timedelta(minutes=5)
    assert not await bench.is_active(token)


async def test_a_revocation_is_not_taken_back_by_an_event_that_comes_late(bench: Workbench) -> None:
    token = bench.issue()
    bench.issue(token=token, change=lambda body: body["spec"].update(revoked=True))
    bench.issue(token=token)
    assert not await bench.is_active(token)


async def test_45_a_review_of_another_kind_or_form_is_refused(bench: Workbench) -> None:
    good = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "x"}}
    changes: list[dict[str, object]] = [
        {"kind": "Pod"},
        {"apiVersion": "v1"},
        {"spec": None},
        {"spec": []},
    ]
    for change in changes:
        body = msgspec.json.encode(good | change)
        assert (await bench.ask("POST", "/k8s/tokenreview", body=body)).status == 400
    for body in (b"", b"{", b"\xff", b"[]", b"[" * 100_000):
        assert (await bench.ask("POST", "/k8s/tokenreview", body=body)).status == 400
    huge = b" " * (1024 * 1024 + 1)
    assert (await bench.ask("POST", "/k8s/tokenreview", body=huge)).status == 413


async def test_45_a_review_without_a_token_or_audience_authenticates_nobody(
    bench: Workbench,
) -> None:
    token = bench.issue()
    assert await bench.review("", SERVICES) == {"authenticated": False}
    assert await bench.review("x" * 1_000_000, SERVICES) == {"authenticated": False}
    assert await bench.review(token) == {"authenticated": False}
    assert await bench.review(token, "https://kubernetes.default.svc") == {"authenticated": False}


async def test_45_a_review_names_the_audiences_that_both_have(bench: Workbench) -> None:
    status = await bench.review(bench.issue(), "https://kubernetes.default.svc", SERVICES)
    assert status["audiences"] == [SERVICES]
    assert status["user"]["username"] == "mint:user:ada@team.example"
    assert not any("system:" in group for group in status["user"]["groups"])
