"""How keys are found, kept and fetched again: attacks 14, and an issuer that is away."""

import asyncio
import json
import logging
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from mintmaster.localcluster.certificates import issue
from mintmaster.tokens.keys import SigningKey
from mintmaster.verify import (
    Cause,
    InvalidTokenCode,
    Settings,
    TokenNotAccepted,
    VerificationUnavailable,
    Verifier,
)
from verify.issuer import SERVICE, Clocks, Issuer, issuing

JWKS = "/jwks"
METADATA = "/.well-known/openid-configuration"


async def test_a_token_is_verified_by_the_published_keys(issuer: Issuer) -> None:
    async with issuer.verifier() as verifier:
        token = await verifier.verify(issuer.mint(preferred_username="ada"))
    assert token.subject == "user:ada@team.example"
    assert token.scopes == {"read_api"}
    assert token.roles == {"Researcher"}
    assert token.projects == {"3"}
    assert token.audiences == {SERVICE}
    assert token.username == "ada"
    assert token.issued_at == issuer.clocks.now()
    assert token.resource.name == "ada"


async def test_an_issuer_with_a_path_is_found_below_it(clocks: Clocks) -> None:
    async with issuing(clocks, path="/issuers/team") as issuer, issuer.verifier() as verifier:
        await verifier.verify(issuer.mint())
    assert set(issuer.asked) == {f"/issuers/team{METADATA}", f"/issuers/team{JWKS}"}


async def test_requests_at_the_same_time_fetch_the_keys_once(issuer: Issuer) -> None:
    token = issuer.mint()
    async with issuer.verifier() as verifier:
        await asyncio.gather(*(verifier.verify(token) for _ in range(50)))
    assert issuer.asked[JWKS] == 1


async def test_a_request_that_is_cancelled_does_not_spoil_the_others(issuer: Issuer) -> None:
    token = issuer.mint()
    async with issuer.verifier() as verifier:
        first = asyncio.create_task(verifier.verify(token))
        second = asyncio.create_task(verifier.verify(token))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).id
    assert issuer.asked[JWKS] == 1


async def test_a_verifier_that_is_closed_stops_fetching(issuer: Issuer) -> None:
    async with issuer.verifier() as verifier:
        waiting = asyncio.create_task(verifier.verify(issuer.mint()))
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize(
    ("cache_control", "kept"),
    [
        ("public, max-age=120", 120),
        ("max-age=86400", 300),
        ("", 300),
        ("no-cache", 0),
        ("no-store", 0),
    ],
)
async def test_keys_are_kept_as_long_as_the_issuer_says(
    issuer: Issuer, cache_control: str, kept: int
) -> None:
    issuer.cache_control = cache_control
    async with issuer.verifier() as verifier:
        await verifier.verify(issuer.mint())
        issuer.clocks.advance(seconds=max(kept - 1, 0))
        await verifier.verify(issuer.mint())
        assert issuer.asked[JWKS] == (1 if kept else 2)
        issuer.clocks.advance(seconds=1)
        await verifier.verify(issuer.mint())
        assert issuer.asked[JWKS] == (2 if kept else 3)


async def test_the_time_that_keys_spent_in_a_cache_counts(issuer: Issuer) -> None:
    aged = {"Cache-Control": "max-age=300", "Age": "200"}
    keys = {"keys": issuer.published}
    issuer.answers[JWKS] = lambda: web.json_response(keys, headers=aged)
    async with issuer.verifier() as verifier:
        for seconds, asked in ((99, 1), (1, 1), (0, 2)):
            await verifier.verify(issuer.mint())
            assert issuer.asked[JWKS] == asked
            issuer.clocks.advance(seconds=seconds)


async def test_a_withdrawn_key_is_refused_once_the_keys_are_fetched_again(issuer: Issuer) -> None:
    token = issuer.mint()
    async with issuer.verifier() as verifier:
        await verifier.verify(token)
        issuer.publish(SigningKey.generate())
        issuer.clocks.advance(seconds=300)
        with pytest.raises(TokenNotAccepted) as refused:
            await verifier.verify(token)
    assert refused.value.cause == InvalidTokenCode.KEY_UNKNOWN


async def test_a_new_key_is_fetched_when_a_token_names_it(issuer: Issuer) -> None:
    async with issuer.verifier() as verifier:
        await verifier.verify(issuer.mint())
        issuer.signer = SigningKey.generate()
        issuer.publish(issuer.signer)
        issuer.clocks.advance(seconds=31)
        await verifier.verify(issuer.mint())


async def test_14_unknown_keys_make_one_fetch_within_the_cooldown(issuer: Issuer) -> None:
    async with issuer.verifier() as verifier:
        await verifier.verify(issuer.mint())
        good, issuer.signer = issuer.signer, SigningKey.generate()
        forged = issuer.mint()
        issuer.signer = good
        for expected in (1, 2):
            for _ in range(20):
                with pytest.raises(TokenNotAccepted) as refused:
                    await verifier.verify(forged)
                assert refused.value.cause == InvalidTokenCode.KEY_UNKNOWN
            assert issuer.asked[JWKS] == expected
            issuer.clocks.advance(seconds=30)


async def test_14_while_the_issuer_is_away_a_token_with_an_unknown_key_is_refused(
    issuer: Issuer,
) -> None:
    async with issuer.verifier() as verifier:
        await verifier.verify(issuer.mint())
        good, issuer.signer = issuer.signer, SigningKey.generate()
        forged = issuer.mint()
        issuer.signer = good
        issuer.away = True
        issuer.clocks.advance(seconds=31)
        with pytest.raises(TokenNotAccepted):
            await verifier.verify(forged)
        await verifier.verify(issuer.mint())


async def test_keys_outlive_their_time_while_the_issuer_is_away_up_to_a_bound(
    issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    async with issuer.verifier() as verifier:
        await verifier.verify(issuer.mint())
        issuer.away = True
        issuer.clocks.advance(minutes=34)
        for _ in range(10):
            await verifier.verify(issuer.mint())
        assert issuer.asked[METADATA] == 2  # and not once for each request
        issuer.clocks.advance(minutes=1)
        with pytest.raises(VerificationUnavailable, match="answered 503"):
            await verifier.verify(issuer.mint())
        issuer.away = False
        issuer.clocks.advance(seconds=5)
        await verifier.verify(issuer.mint())
    warnings = [it for it in caplog.records if it.levelno == logging.WARNING]
    assert len(warnings) == 2


async def test_without_keys_nothing_can_be_said_and_the_issuer_is_left_alone_for_a_moment(
    issuer: Issuer,
) -> None:
    issuer.away = True
    async with issuer.verifier() as verifier:
        for expected in (7, 5, 5):
            with pytest.raises(VerificationUnavailable) as unavailable:
                await verifier.verify(issuer.mint())
            assert unavailable.value.retry_after == expected
        assert issuer.asked[METADATA] == 1
        issuer.away = False
        issuer.clocks.advance(seconds=5)
        await verifier.verify(issuer.mint())


OTHER = {"issuer": "http://127.0.0.1:1", "jwks_uri": "http://127.0.0.1:1/jwks"}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda: web.json_response(OTHER), "another issuer"),
        (lambda: web.json_response({"issuer": "x"}), "not the metadata"),
        (lambda: web.json_response(["issuer"]), "not the metadata"),
        (lambda: web.Response(text='{"issuer":"a","issuer":"b"}'), "not the metadata"),
        (lambda: web.json_response(OTHER | {"jwks_uri": "http://a.example/k"}), "not the metadata"),
        (lambda: web.Response(status=302, headers={"Location": "/elsewhere"}), "answered 302"),
        (lambda: web.Response(body=b" " * 1024 * 1025), "octets"),
    ],
)
async def test_metadata_that_cannot_be_trusted_are_not_used(
    issuer: Issuer, answer: Any, says: str
) -> None:
    issuer.answers[METADATA] = answer
    async with issuer.verifier() as verifier:
        with pytest.raises(VerificationUnavailable, match=says):
            await verifier.verify(issuer.mint())
    assert set(issuer.asked) == {METADATA}


@pytest.mark.parametrize("body", ["[]", '{"keys": {}}', "nothing", '{"keys": [], "keys": []}'])
async def test_what_is_no_jwk_set_is_not_used(issuer: Issuer, body: str) -> None:
    issuer.answers[JWKS] = lambda: web.Response(text=body)
    async with issuer.verifier() as verifier:
        with pytest.raises(VerificationUnavailable, match="not a JWK Set"):
            await verifier.verify(issuer.mint())


async def test_keys_that_are_none_of_ours_are_passed_over(issuer: Issuer) -> None:
    own = issuer.signer.public.jwk()
    foreign = ({"kty": "oct", "k": "c2VjcmV0"}, own | {"d": "AA"}, own | {"kid": "other"}, "text")
    issuer.published = [*foreign, own]  # type: ignore[list-item]  # as strangers may publish
    async with issuer.verifier() as verifier:
        await verifier.verify(issuer.mint())


@pytest.mark.parametrize(
    "url",
    [
        "http://tokens.example.org",
        "http://127.0.0.1.example.org",
        "ftp://tokens.example.org",
        "tokens.example.org",
        "https://user@tokens.example.org",
        "https://tokens.example.org/?a=b",
        "https://tokens.example.org/#a",
    ],
)
def test_tokens_are_verified_over_tls_or_on_loopback(url: str) -> None:
    with pytest.raises(ValueError, match=r"https|user"):
        Verifier(url, audience=SERVICE)


@pytest.mark.parametrize("audience", ["", [], ["", SERVICE]])
def test_a_service_has_a_name(audience: Any) -> None:
    with pytest.raises(ValueError, match="audience"):
        Verifier("https://tokens.example.org", audience=audience)


async def test_the_certificate_has_to_come_from_the_authority(
    clocks: Clocks, tmp_path: Path
) -> None:
    ours, other = issue(tmp_path / "ours"), issue(tmp_path / "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ours.serving.certificate, ours.serving.key)
    async with issuing(clocks, context) as issuer:
        async with issuer.verifier(authority=ours.authority) as verifier:
            await verifier.verify(issuer.mint())
        for authority in (other.authority, None):
            async with issuer.verifier(authority=authority) as verifier:
                with pytest.raises(VerificationUnavailable, match="certificate"):
                    await verifier.verify(issuer.mint())


async def test_an_issuer_that_is_not_there_is_named(clocks: Clocks) -> None:
    async with issuing(clocks) as issuer:
        token = issuer.mint()
    async with issuer.verifier() as verifier:
        with pytest.raises(VerificationUnavailable, match=f"{issuer.url}.*not reachable"):
            await verifier.verify(token)


async def test_an_issuer_that_does_not_answer_is_not_waited_for_long(issuer: Issuer) -> None:
    issuer.silent = True
    impatient = Settings(timeout=timedelta(milliseconds=50))
    async with issuer.verifier(settings=impatient) as verifier:
        with pytest.raises(VerificationUnavailable, match="no answer in time"):
            await verifier.verify(issuer.mint())


async def test_a_verifier_that_was_not_opened_says_so(issuer: Issuer) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await issuer.verifier().verify(issuer.mint())


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"aud": ("https://other.example.org",)}, InvalidTokenCode.AUDIENCE),
        ({"iss": "https://other.example.org"}, InvalidTokenCode.ISSUER),
        ({"exp": 1_893_456_000}, InvalidTokenCode.EXPIRED),
    ],
)
async def test_a_token_that_is_not_for_us_or_not_for_now_is_refused(
    issuer: Issuer, change: dict[str, Any], cause: InvalidTokenCode
) -> None:
    async with issuer.verifier() as verifier:
        with pytest.raises(TokenNotAccepted) as refused:
            await verifier.verify(issuer.mint(**{"iat": 1_893_455_000} | change))
    assert refused.value.cause == cause


async def test_an_opaque_token_needs_introspection(issuer: Issuer) -> None:
    async with issuer.verifier() as verifier:
        with pytest.raises(TokenNotAccepted) as refused:
            await verifier.verify("glrt-opaque")
    assert refused.value.cause == Cause.OPAQUE
    assert not issuer.asked


async def test_17_a_status_list_is_no_access_token(issuer: Issuer) -> None:
    signed = issuer.signed_list(json.loads(json.dumps(issuer.list_claims(b"\0"))))
    async with issuer.verifier() as verifier:
        with pytest.raises(TokenNotAccepted) as refused:
            await verifier.verify(signed.decode())
    assert refused.value.cause == InvalidTokenCode.TYPE
