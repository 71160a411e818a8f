"""`mintmaster issuer`: issuers and their keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mintmaster.api.kinds import TOKEN_ISSUER
from mintmaster.tokens.keys import PublicKey
from mintmaster.tokens.verifier import signature_holds
from reconcile.reading import is_ready_at, is_unready

if TYPE_CHECKING:
    from cli.person import Person


async def test_issuers_are_listed_and_shown(person: Person) -> None:
    name = person.cluster.issuer

    assert name in await person.does("issuer", "list")
    shown = await person.does("issuer", "show", name)
    for expected in (f"https://{name}.example.org", "KeysPublished", "read_api", "Researcher"):
        assert expected in shown
    assert (await person.reads("issuer", "show", name))["spec"]["signer"] == "Operator"
    assert "no TokenIssuer 'missing'" in await person.fails(3, "issuer", "show", "missing")


async def test_published_keys_verify_what_was_issued(person: Person) -> None:
    await person.cluster.ready_runner("build")
    token = (await person.cluster.secret_data("build-token"))["token"]

    printed = json.loads(await person.does("issuer", "keys", person.cluster.issuer, "--jwks"))

    keys = [PublicKey.from_jwk(jwk) for jwk in printed["keys"]]
    assert signature_holds(token, {key.kid: key for key in keys})


async def test_the_next_key_is_published_on_request_and_only_once(person: Person) -> None:
    name = person.cluster.issuer
    said = await person.does("issuer", "rotate-key", name, "--wait")

    states = {key.state: key.id for key in (await person.cluster.own_issuer()).status.keys}
    assert set(states) == {"Next", "Active"}
    assert f"key {states['Next']} is published" in said
    assert f"{states['Next']} is next already" in await person.does("issuer", "rotate-key", name)
    assert len((await person.does("issuer", "keys", name)).splitlines()) == 3


async def test_a_withdrawn_key_voids_what_it_signed(person: Person) -> None:
    name = person.cluster.issuer
    await person.cluster.ready_runner("build")
    leaked = (await person.cluster.own_issuer()).status.keys[0].id

    await person.does("issuer", "withdraw-key", name, leaked, "--wait")

    assert leaked not in await person.does("issuer", "keys", name, "--jwks")
    reissued = await person.cluster.runner_where(is_ready_at(2), "build")
    assert reissued.status.tokens[0].key_id != leaked
    again = await person.does("issuer", "withdraw-key", name, leaked)
    assert "withdrawn" in again
    assert (await person.cluster.own_issuer()).spec.withdrawn_keys == (leaked,)


async def test_a_key_that_the_issuer_does_not_have_cannot_be_withdrawn(person: Person) -> None:
    name = person.cluster.issuer

    said = await person.fails(3, "issuer", "withdraw-key", name, "mistyped")

    assert "no key 'mistyped'" in said
    assert (await person.cluster.own_issuer()).status.keys[0].id in said
    assert (await person.cluster.own_issuer()).spec.withdrawn_keys == ()


async def test_an_issuer_without_keys_says_so(person: Person) -> None:
    first, second = person.cluster.issuer, f"{person.cluster.issuer}-second"
    await person.cluster.until_younger(await person.cluster.raw(TOKEN_ISSUER, first))
    await person.cluster.create_issuer(second, url=f"https://{first}.example.org")
    await person.cluster.issuer_where(is_unready("IssuerConflict"), second)

    assert "no keys" in (await person.tries("issuer", "keys", second)).stderr
    said = await person.fails(1, "status", f"issuer/{second}")
    assert "IssuerConflict" in said
    assert "no key signs" in said
