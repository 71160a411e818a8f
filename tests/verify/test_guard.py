"""The ASGI middleware, and what refusals look like over HTTP (RFC 6750)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mintmaster.verify import Guard, Verifier, token_of

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from mintmaster.verify import AccessToken
    from verify.issuer import Issuer


class Service:
    """An application that asks for nothing further than what a test says."""

    def __init__(self, needs: dict[str, Any] | None = None) -> None:
        self.needs = needs or {}
        self.seen: list[AccessToken | None] = []

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        token = token_of(scope) if scope["path"] == "/" else None
        self.seen.append(token)
        if self.needs.get("late"):
            await send({"type": "http.response.start", "status": 200, "headers": []})
        if token is not None:
            token.require(**{name: it for name, it in self.needs.items() if name != "late"})
        if not self.needs.get("late"):
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"served"})


async def call(
    app: Any, *authorization: str, path: str = "/", kind: str = "http"
) -> list[MutableMapping[str, Any]]:
    """What the application sends."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(b"authorization", value.encode("latin-1")) for value in authorization]
    await app({"type": kind, "path": path, "headers": headers}, receive, send)
    return sent


def answer(sent: list[MutableMapping[str, Any]]) -> tuple[int, dict[str, str], bytes]:
    start, body = sent
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, body["body"]


async def challenged(app: Any, *authorization: str) -> tuple[int, str]:
    """Status and challenge of an answer."""
    status, headers, body = answer(await call(app, *authorization))
    assert headers["cache-control"] == "no-store"
    assert headers["content-length"] == str(len(body))
    said = json.loads(body)
    assert said["error_description"]
    assert said.get("error", "") in headers["www-authenticate"]
    return status, headers["www-authenticate"]


async def test_a_good_token_reaches_the_service(issuer: Issuer) -> None:
    service = Service()
    async with issuer.verifier() as verifier:
        app = Guard(service, verifier=verifier, scopes={"read_api"}, roles={"Researcher"})
        for scheme in ("Bearer", "bearer", "BEARER", "Bearer "):
            assert answer(await call(app, f"{scheme} {issuer.mint()}"))[0] == 200
    assert [token.subject for token in service.seen if token] == ["user:ada@team.example"] * 4


@pytest.mark.parametrize(
    ("authorization", "status", "challenge"),
    [
        ((), 401, 'Bearer realm="mintmaster"'),
        (("Basic YTpi",), 401, 'Bearer realm="mintmaster"'),
        (("Bearer",), 400, 'Bearer realm="mintmaster", error="invalid_request"'),
        (("Bearer a b",), 400, 'Bearer realm="mintmaster", error="invalid_request"'),
        (("Bearer tökén",), 400, 'Bearer realm="mintmaster", error="invalid_request"'),
        (("Bearer " + "a" * 4097,), 400, 'Bearer realm="mintmaster", error="invalid_request"'),
        (("Bearer a", "Bearer a"), 400, 'Bearer realm="mintmaster", error="invalid_request"'),
        (("Bearer a.b.c",), 401, 'Bearer realm="mintmaster", error="invalid_token"'),
        (("Bearer opaque",), 401, 'Bearer realm="mintmaster", error="invalid_token"'),
    ],
)
async def test_38_other_requests_are_refused_as_rfc_6750_says(
    issuer: Issuer, authorization: tuple[str, ...], status: int, challenge: str
) -> None:
    service = Service()
    async with issuer.verifier() as verifier:
        refused = await challenged(Guard(service, verifier=verifier), *authorization)
    assert refused == (status, challenge)
    assert not service.seen


@pytest.mark.parametrize("at", ["guard", "service"])
async def test_a_token_without_the_scope_is_told_what_it_lacks(issuer: Issuer, at: str) -> None:
    needs = {"scopes": {"write", "read_api"}}
    async with issuer.verifier() as verifier:
        app = (
            Guard(Service(), verifier=verifier, realm="jobs", **needs)
            if at == "guard"
            else Guard(Service(needs), verifier=verifier, realm="jobs")
        )
        refused = await challenged(app, f"Bearer {issuer.mint()}")
    assert refused == (
        403,
        'Bearer realm="jobs", error="insufficient_scope", scope="read_api write"',
    )


@pytest.mark.parametrize("needs", [{"roles": {"Administrator"}}, {"project": "4"}])
async def test_a_token_without_the_role_or_project_is_refused(
    issuer: Issuer, needs: dict[str, Any]
) -> None:
    async with issuer.verifier() as verifier:
        app = Guard(Service(needs), verifier=verifier)
        refused = await challenged(app, f"Bearer {issuer.mint()}")
    assert refused == (403, 'Bearer realm="mintmaster", error="insufficient_scope"')


@pytest.mark.parametrize(
    ("projects", "project", "covered"),
    [((), "3", False), (("3",), "3", True), (("3",), "4", False), (("*",), "4", True)],
)
async def test_90_no_projects_are_none_and_a_star_is_all(
    issuer: Issuer, projects: tuple[str, ...], project: str, *, covered: bool
) -> None:
    async with issuer.verifier() as verifier:
        token = await verifier.verify(issuer.mint(projects=projects))
    assert token.covers(project) is covered


async def test_a_lack_of_knowledge_is_no_verdict(issuer: Issuer) -> None:
    issuer.away = True
    async with issuer.verifier() as verifier:
        sent = await call(Guard(Service(), verifier=verifier), f"Bearer {issuer.mint()}")
    status, headers, body = answer(sent)
    assert (status, headers["retry-after"]) == (503, "7")
    assert "www-authenticate" not in headers
    assert issuer.url.encode() not in body


async def test_open_paths_and_the_lifespan_need_no_token(issuer: Issuer) -> None:
    service = Service()
    async with issuer.verifier() as verifier:
        app = Guard(service, verifier=verifier, open_paths={"/healthz"})
        assert answer(await call(app, path="/healthz"))[0] == 200
        assert answer(await call(app, path="/healthz/"))[0] == 401
        await call(app, path="", kind="lifespan")
    assert service.seen == [None, None]


async def test_a_websocket_is_closed_before_it_opens(issuer: Issuer) -> None:
    async with issuer.verifier() as verifier:
        sent = await call(Guard(Service(), verifier=verifier), kind="websocket")
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_what_is_refused_after_the_answer_began_is_the_services_own_fault(
    issuer: Issuer,
) -> None:
    async with issuer.verifier() as verifier:
        app = Guard(Service({"late": True, "scopes": {"write"}}), verifier=verifier)
        with pytest.raises(Exception, match="does not cover"):
            await call(app, f"Bearer {issuer.mint()}")


def test_a_realm_cannot_break_out_of_its_quotes() -> None:
    verifier = Verifier("https://tokens.example.org", audience="a")
    with pytest.raises(ValueError, match="realm"):
        Guard(Service(), verifier=verifier, realm='a", error="none')
