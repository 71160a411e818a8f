"""Services that ask the gate about every token."""

import asyncio
import base64
import logging
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from mintmaster.verify import (
    BearerToken,
    Cause,
    ClientSecret,
    Introspection,
    InvalidTokenCode,
    TokenNotAccepted,
    VerificationUnavailable,
)
from verify.issuer import Issuer

ENDPOINT = "/oauth2/introspect"
OPAQUE = "mint_4nZ8kQ2wE6rT0yU"
ASKING = Introspection(credential=BearerToken.of("service-token"))


async def test_an_opaque_token_is_good_if_the_gate_says_so(issuer: Issuer) -> None:
    issuer.know(OPAQUE)
    async with issuer.verifier(introspection=ASKING) as verifier:
        token = await verifier.verify(OPAQUE)
        with pytest.raises(TokenNotAccepted) as refused:
            await verifier.verify("mint_unknown")
    assert (token.subject, token.username) == ("user:ada@team.example", "ada")
    assert token.scopes == {"read_api", "api"}
    assert token.roles == {"Researcher"}
    assert token.resource.uid == "6f0e7c1a-1"
    assert refused.value.cause == Cause.INACTIVE
    assert issuer.credentials[0] == "Bearer service-token"


async def test_what_the_gate_says_of_a_jwt_counts_and_not_what_the_jwt_says(issuer: Issuer) -> None:
    token = issuer.mint(scope="api")
    issuer.know(token, scope="read_api")
    async with issuer.verifier(introspection=ASKING) as verifier:
        assert (await verifier.verify(token)).scopes == {"read_api"}


async def test_a_jwt_whose_signature_does_not_hold_never_reaches_the_gate(issuer: Issuer) -> None:
    token = issuer.mint()
    async with issuer.verifier(introspection=ASKING) as verifier:
        with pytest.raises(TokenNotAccepted) as refused:
            await verifier.verify(token[:-8] + "AAAAAAAA")
    assert refused.value.cause == InvalidTokenCode.SIGNATURE
    assert issuer.asked[ENDPOINT] == 0


async def test_answers_of_both_kinds_are_remembered_for_seconds(issuer: Issuer) -> None:
    issuer.know(OPAQUE)
    async with issuer.verifier(introspection=ASKING) as verifier:
        await asyncio.gather(*(verifier.verify(OPAQUE) for _ in range(20)))
        for _ in range(5):
            with pytest.raises(TokenNotAccepted):
                await verifier.verify("mint_unknown")
        assert issuer.asked[ENDPOINT] == 2
        del issuer.active[OPAQUE]
        issuer.clocks.advance(seconds=4.9)
        await verifier.verify(OPAQUE)
        issuer.clocks.advance(seconds=0.1)
        with pytest.raises(TokenNotAccepted):
            await verifier.verify(OPAQUE)
        issuer.know("mint_unknown")
        await verifier.verify("mint_unknown")


async def test_no_more_answers_are_remembered_than_allowed(issuer: Issuer) -> None:
    asking = Introspection(credential=BearerToken.of("service-token"), remembered=2)
    async with issuer.verifier(introspection=asking) as verifier:
        for name in ("a", "b", "c", "c", "b", "a"):
            with pytest.raises(TokenNotAccepted):
                await verifier.verify(name)
    assert issuer.asked[ENDPOINT] == 4


async def test_a_token_that_expires_is_refused_at_once_although_it_is_remembered(
    issuer: Issuer,
) -> None:
    issuer.know(OPAQUE, exp=int(issuer.clocks.now().timestamp()) + 2)
    async with issuer.verifier(introspection=ASKING) as verifier:
        await verifier.verify(OPAQUE)
        issuer.clocks.advance(seconds=2)
        with pytest.raises(TokenNotAccepted):
            await verifier.verify(OPAQUE)


async def test_a_token_without_expiry_has_none(issuer: Issuer) -> None:
    issuer.know(OPAQUE)
    del issuer.active[OPAQUE]["exp"]
    async with issuer.verifier(introspection=ASKING) as verifier:
        assert (await verifier.verify(OPAQUE)).expires_at is None


@pytest.mark.parametrize(
    "members", [{"aud": ["https://other.example.org"]}, {"iss": "https://other.example.org"}]
)
async def test_an_active_token_of_or_for_somebody_else_is_refused(
    issuer: Issuer, members: dict[str, Any]
) -> None:
    issuer.know(OPAQUE, **members)
    async with issuer.verifier(introspection=ASKING) as verifier:
        with pytest.raises(TokenNotAccepted) as refused:
            await verifier.verify(OPAQUE)
    assert refused.value.cause == Cause.MISADDRESSED


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503])
async def test_a_gate_that_does_not_answer_makes_no_token_bad_and_none_good(
    issuer: Issuer, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.answers[ENDPOINT] = lambda: web.Response(status=status, headers={"Retry-After": "11"})
    async with issuer.verifier(introspection=ASKING) as verifier:
        with pytest.raises(VerificationUnavailable, match=f"answered {status}") as unavailable:
            await verifier.verify(OPAQUE)
        del issuer.answers[ENDPOINT]
        issuer.know(OPAQUE)
        await verifier.verify(OPAQUE)
    assert unavailable.value.retry_after == 11
    assert [it.levelno for it in caplog.records] == [logging.WARNING]
    assert OPAQUE not in caplog.text
    assert "service-token" not in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"active": "true"}',
        '{"active": 1}',
        '{"active": true}',
        '{"active": true, "active": false}',
    ],
)
async def test_an_answer_that_is_none_is_not_taken_for_one(issuer: Issuer, body: str) -> None:
    issuer.answers[ENDPOINT] = lambda: web.Response(text=body)
    async with issuer.verifier(introspection=ASKING) as verifier:
        with pytest.raises(VerificationUnavailable, match="not an answer"):
            await verifier.verify(OPAQUE)


@pytest.mark.parametrize(
    "member", ["iss", "sub", "aud", "client_id", "jti", "iat", "mintmaster.dev"]
)
async def test_an_answer_that_leaves_out_what_a_gate_says_is_not_taken_for_one(
    issuer: Issuer, member: str
) -> None:
    issuer.know(OPAQUE)
    del issuer.active[OPAQUE][member]
    async with issuer.verifier(introspection=ASKING) as verifier:
        with pytest.raises(VerificationUnavailable):
            await verifier.verify(OPAQUE)


async def test_an_issuer_without_the_endpoint_is_told_apart(issuer: Issuer) -> None:
    del issuer.metadata["introspection_endpoint"]
    async with issuer.verifier(introspection=ASKING) as verifier:
        with pytest.raises(VerificationUnavailable, match="introspection endpoint"):
            await verifier.verify(OPAQUE)


async def test_the_endpoint_may_be_another_than_the_published_one(issuer: Issuer) -> None:
    issuer.metadata["introspection_endpoint"] = "https://unreachable.example.org/introspect"
    issuer.know(OPAQUE)
    asking = Introspection(credential=BearerToken.of("t"), endpoint=issuer.url + ENDPOINT)
    async with issuer.verifier(introspection=asking) as verifier:
        await verifier.verify(OPAQUE)


def test_an_endpoint_in_the_clear_is_refused(issuer: Issuer) -> None:
    with pytest.raises(ValueError, match="loopback"):
        issuer.verifier(
            introspection=Introspection(
                credential=BearerToken.of("t"), endpoint="http://gate.example.org/introspect"
            )
        )


async def test_a_credential_in_a_file_is_read_for_each_request(
    issuer: Issuer, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    asking = Introspection(credential=BearerToken.from_file(file))
    async with issuer.verifier(introspection=asking) as verifier:
        with pytest.raises(VerificationUnavailable, match="FileNotFoundError"):
            await verifier.verify("a")
        for content in ("first", "second\n"):
            file.write_text(content)
            with pytest.raises(TokenNotAccepted):
                await verifier.verify(f"{content.strip()}-token")
    assert issuer.credentials == ["Bearer first", "Bearer second"]


async def test_a_client_shows_its_id_and_secret_form_encoded(
    issuer: Issuer, tmp_path: Path
) -> None:
    (tmp_path / "client-id").write_text("team:ci")
    (tmp_path / "client-secret").write_text("a b%")
    for credential in (
        ClientSecret.of("team:ci", "a b%"),
        ClientSecret.from_files(tmp_path / "client-id", tmp_path / "client-secret"),
    ):
        asking = Introspection(credential=credential)
        async with issuer.verifier(introspection=asking) as verifier:
            with pytest.raises(TokenNotAccepted):
                await verifier.verify("a")
        scheme, _, encoded = issuer.credentials[-1].partition(" ")
        assert (scheme, base64.b64decode(encoded)) == ("Basic", b"team%3Aci:a+b%25")


def test_credentials_do_not_show_themselves() -> None:
    for credential in (BearerToken.of("hidden"), ClientSecret.of("id", "hidden")):
        assert "hidden" not in repr(Introspection(credential=credential))
