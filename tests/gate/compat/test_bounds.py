"""No route of any foreign API gives anybody more than they have: tried for every route, with every role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gate.compat.all_routes import (
    AllBench,
    ask,
    bodies,
    callers,
    decoded,
    filled,
    operations,
    strings,
)
from gate.minting_bench import claims
from mintmaster.api.rights import Rights
from mintmaster.tokens.digests import digest

if TYPE_CHECKING:
    from pathlib import Path

    from gate.compat.all_routes import Caller

OPERATIONS = operations()
MEANT = ((501, b"501 Not Implemented"), (500, b"User has already a"))
"""What is answered on purpose: there is no router of jobs; and REANA's answer to whoever has asked already."""

GIVING = {
    ("POST", "/api/v4/user/runners"),
    ("POST", "/api/v4/user/personal_access_tokens"),
    ("POST", "/api/v4/users/{}/personal_access_tokens"),
    ("POST", "/api/v4/personal_access_tokens/{}/rotate"),
    ("POST", "/api/v4/personal_access_tokens/self/rotate"),
    ("POST", "/api/v4/runners/{}/reset_authentication_token"),
    ("POST", "/api/v4/runners/reset_authentication_token"),
    ("GET", "/api/runners/create"),
    ("POST", "/api/admins/create_runner"),
    ("POST", "/api/v1/service-accounts"),
    ("POST", "/api/v1/service-accounts/{}/secret"),
    ("POST", "/api/v1/apps"),
    ("POST", "/api/v1/apps/{}/secret"),
    ("POST", "/api/v1/access-keys"),
    ("POST", "/api/v1/access-keys/{}/secret"),
    ("POST", "/api/v1/user-applications"),
    ("POST", "/api/v1/user-applications/{}/secret"),
    ("POST", "/api/v1/token"),
    ("POST", "/api/v2/token"),
    ("POST", "/v1/k8s/auth/oauth/apptoken"),
    ("POST", "/auth/realms/{}/protocol/openid-connect/token"),
}
"""The routes that hand out a token to somebody."""


async def lucky_callers(folder: Path, method: str, template: str) -> set[str]:
    """Ask a route with every caller and all bodies; who was given a token. Each finds everything as it was."""
    lucky = set()
    bench = AllBench(folder=folder)
    everybody = await callers(bench)
    for name in everybody:
        caller, untouched = everybody[name], dict(bench.store.objects)
        held = rights_of(bench, caller.token)
        for path in filled(bench, template):
            for body in bodies(caller):
                if await is_given_a_token(bench, caller, held, (method, path), body):
                    lucky.add(name)
        if bench.store.objects != untouched:
            bench = AllBench(folder=folder)
            everybody = await callers(bench)
    return lucky


async def is_given_a_token(
    bench: AllBench, caller: Caller, held: Rights | None, route: tuple[str, str], body: Any
) -> bool:
    before = dict(bench.store.objects)
    answer = await ask(bench, *route, caller, body)
    said = f"{route} by {caller.name}: {answer}"
    meant = any(answer.status == status and text in answer.body for status, text in MEANT)
    assert answer.status < 500 or meant, said
    check_resources(bench, caller, held, before, said)
    tokens = [it for it in strings(decoded(answer.body)) if it != caller.token]
    given = [rights for it in tokens if (rights := rights_of(bench, it)) is not None]
    for rights in given:
        check(caller, held, rights, said)
    return bool(given)


@pytest.mark.parametrize(("method", "template"), OPERATIONS)
async def test_nobody_is_given_more_than_they_have(
    tmp_path: Path, method: str, template: str
) -> None:
    lucky = await lucky_callers(tmp_path, method, template)

    # The rule would hold if nobody got anything.
    assert bool(lucky) == ((method, template) in GIVING), lucky
    assert lucky.isdisjoint({"nobody", "stranger", "revoked", "expired", "no scope"})


def test_every_route_that_gives_is_one() -> None:
    assert set(OPERATIONS) >= GIVING


def check_resources(
    bench: AllBench, caller: Caller, held: Rights | None, before: dict[str, Any], said: str
) -> None:
    """What was written asks for no more than the caller has; who has nothing writes nothing but a revocation."""
    for place, item in bench.store.objects.items():
        former = before.get(place)
        if former is not None and former["spec"] == item["spec"]:
            continue
        if former is not None and former["spec"] | {"revoked": True} == item["spec"]:
            continue
        assert held is not None, said
        assert not item["spec"].get("revoked"), said
        known = {record["digest"] for record in records(former or {})}
        for record in records(item):
            if record["digest"] not in known:
                check(caller, held, msgspec.convert(record["rights"], Rights), said)
        for name in ("scopes", "roles", "projects"):
            wanted = set(item["spec"].get(name, []))
            own = set((former or {"spec": {}})["spec"].get(name, []))
            allowed = {*own, *getattr(held, name)}
            assert wanted <= allowed or (name == "projects" and "*" in held.projects), said
        if former is None and item["spec"].get("type") in {"Instance", "Group"}:
            assert (
                caller.administers
                or (item["spec"]["type"] == "Group" and "*" in held.projects)
                or may_make_runners(held)
            ), said
    gone = before.keys() - bench.store.objects.keys()
    assert not gone or held is not None, said


def may_make_runners(held: Rights) -> bool:
    """Project-W's administrators are users with that role, whose tokens the issuer grants it to."""
    return "Administrator" in held.roles and held.subject.startswith("user:")


def check(caller: Caller, held: Rights | None, given: Rights | None, said: str) -> None:
    assert held is not None, said
    assert given is not None, said
    assert set(given.scopes) <= set(held.scopes), said
    assert set(given.roles) <= set(held.roles), said
    assert set(given.audiences) <= set(held.audiences), said
    assert set(given.projects) <= set(held.projects) or "*" in held.projects, said
    of_a_machine = given.subject.startswith(("runner:", "app:"))
    assert of_a_machine or given.subject == held.subject or caller.administers, said


def records(item: Any) -> list[Any]:
    """What the status says of tokens, or of client secrets."""
    status = item.get("status", {})
    return [*status.get("tokens", []), *status.get("secrets", [])]


def rights_of(bench: AllBench, token: str) -> Rights | None:
    """What was recorded for a token or client secret, or stands in an access token; None for what is none."""
    if token.startswith("ey") and token.count(".") == 2:
        said = claims(token)
        return Rights(
            subject=said["sub"],
            audiences=tuple(said["aud"]),
            scopes=tuple(said.get("scope", "").split()),
            roles=tuple(said.get("roles", ())),
            projects=tuple(said.get("projects", ())),
        )
    presented = digest(token)
    for item in bench.store.objects.values():
        for record in records(item):
            if record["digest"] == presented and not item["spec"].get("revoked"):
                return msgspec.convert(record["rights"], Rights)
    return None
