"""`mintmaster verify`: by the keys of an issuer, by keys in a file, by a gate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gate.harness import gating
from mintmaster.tokens import opaque

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from cli.person import Person
    from gate.harness import Gate
    from reconcile.harness import SettableClock

SERVICES = "https://services.example.org"


@pytest.fixture
async def token(person: Person) -> str:
    """A token that the test's issuer signed."""
    await person.cluster.ready_runner("build")
    return (await person.cluster.secret_data("build-token"))["token"]


@pytest.fixture
async def gate(kubeconfig: Path, clock: SettableClock) -> AsyncIterator[Gate]:
    async with gating(kubeconfig, clock) as started:
        yield started


def changed(token: str) -> str:
    """The same token with another signature."""
    body, _, signature = token.rpartition(".")
    return f"{body}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


async def test_the_issuer_is_found_by_its_url_and_the_token_is_not_printed(
    person: Person, token: str
) -> None:
    said = await person.does("verify", "-", text=f"{token}\n")

    assert "valid" in said
    assert f"TokenIssuer {person.cluster.issuer}" in said
    assert f"runner:{person.cluster.namespace}:build" in said
    assert "a revocation" in said
    assert token not in said


async def test_a_token_may_be_an_argument(person: Person, token: str) -> None:
    assert "valid" in await person.does("verify", token, "--issuer", person.cluster.issuer)


async def test_the_verdict_can_be_read_by_programs(person: Person, token: str) -> None:
    verdict = json.loads(await person.does("verify", "-", "-o", "json", text=token))

    assert verdict["valid"] is True
    assert verdict["claims"]["mintmaster.dev"]["name"] == "build"


async def test_another_signature_or_service_is_not_accepted(person: Person, token: str) -> None:
    assert "signature does not hold" in await person.fails(1, "verify", "-", text=changed(token))
    for_others = ("verify", "-", "--audience", "https://other.example.org")
    assert "another service" in await person.fails(1, *for_others, text=token)
    assert "valid" in await person.does("verify", "-", "--audience", SERVICES, text=token)
    verdict = (await person.tries("verify", "-", "-o", "json", text=changed(token))).stdout
    assert json.loads(verdict)["valid"] is False


async def test_a_token_of_nobody_here_is_told_apart(person: Person, token: str) -> None:
    await person.cluster.ready_runner("other")
    await person.cluster.create_issuer(f"{person.cluster.issuer}-b", url="https://b.example.org")
    by_other = ("verify", "-", "--issuer", f"{person.cluster.issuer}-b")
    assert "does not publish" in await person.fails(1, *by_other, text=token)
    foreign = "e30.e30.AAAA"
    assert "it is no JWT" in await person.fails(1, "verify", "-", text=foreign)


async def test_a_token_without_an_issuer_is_said_to_name_none(person: Person) -> None:
    nobodys = "eyJhbGciOiJFUzI1NiJ9.e30.AAAA"
    assert "names no issuer" in await person.fails(1, "verify", "-", text=nobodys)


async def test_an_opaque_token_cannot_be_verified_offline(person: Person) -> None:
    said = await person.fails(1, "verify", "-", text=opaque.mint("glrt-"))

    assert "opaque token of ours" in said
    assert "--introspect" in said


async def test_no_token_is_wrong_usage(person: Person) -> None:
    assert "no token" in await person.fails(2, "verify", "-", text="\n")


async def test_keys_in_a_file_need_no_cluster(person: Person, token: str, tmp_path: Path) -> None:
    name = person.cluster.issuer
    keys = tmp_path / "keys.json"
    keys.write_text(await person.does("issuer", "keys", name, "--jwks"))
    by_file = ("verify", "-", "--jwks", str(keys), "--kubeconfig", "/there/is/none")

    url = ("--issuer-url", f"https://{name}.example.org")
    assert "valid" in await person.does(*by_file, *url, text=token)
    wrong = ("--issuer-url", "https://another.example.org")
    assert "of another issuer" in await person.fails(1, *by_file, *wrong, text=token)
    assert "--issuer-url" in await person.fails(2, *by_file, text=token)
    keys.write_text('{"keys": [{"kty": "oct"}]}')
    assert "not a JWK Set" in await person.fails(1, *by_file, *url, text=token)
    keys.unlink()
    assert "No such file" in await person.fails(1, *by_file, *url, text=token)


async def test_a_gate_sees_a_revocation_that_keys_do_not(
    person: Person, gate: Gate, token: str, tmp_path: Path
) -> None:
    credential = tmp_path / "credential"
    await person.cluster.edit_issuer(
        scopes=[{"name": "introspect"}, {"name": "read_api"}], roles=[]
    )
    await person.cluster.ready_user("asker", scopes=["introspect"])
    credential.write_text((await person.cluster.secret_data("asker-token"))["token"])
    url = f"{gate.url}/issuers/{person.cluster.issuer}/oauth2/introspect"
    ask = ("verify", "-", "--introspect", url, "--credential-file", str(credential))

    gate.issuer, gate.credential = person.cluster.issuer, credential.read_text()
    await gate.until_active(token)
    assert "valid" in await person.does(*ask, text=token)
    await person.does("runner", "revoke", "build", "--wait")
    await gate.until_inactive(token)
    assert "valid" in await person.does("verify", "-", text=token)
    assert "not active" in await person.fails(1, *ask, text=token)


async def test_a_gate_is_asked_over_tls_and_by_somebody(person: Person, tmp_path: Path) -> None:
    credential = tmp_path / "credential"
    credential.write_text("who-i-am")
    over = ("verify", "-", "--credential-file", str(credential), "--introspect")

    assert "loopback" in await person.fails(2, *over, "http://tokens.example.org/x", text="t")
    assert "not reachable" in await person.fails(1, *over, "http://127.0.0.1:1/x", text="t")
    nobody = ("verify", "-", "--introspect", "https://tokens.example.org/x")
    assert "--credential-file" in await person.fails(2, *nobody, text="t")
