"""Token Status Lists as verifiers read and keep them: attacks 46 and 49, and the draft's own test vector."""

import asyncio
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from mintmaster.tokens import base64url
from mintmaster.tokens.keys import SigningKey
from mintmaster.verify import Cause, StatusLists, TokenNotAccepted, VerificationUnavailable
from mintmaster.verify.status_list import (
    MAX_LIST_BYTES,
    NoSuchEntry,
    StatusList,
    StatusListRefused,
    read,
)
from verify.issuer import Clocks, Issuer

PATH = "/status-lists/1"
URI = f"https://tokens.example.org{PATH}"


@pytest.fixture
def publisher(clocks: Clocks) -> Issuer:
    """An issuer that nobody asks: its lists are read where they are."""
    return Issuer(clocks, url="https://tokens.example.org")


def read_now(publisher: Issuer, signed: bytes) -> StatusList:
    keys = {publisher.signer.kid: publisher.signer.public}
    return read(signed, URI, keys, publisher.clocks.now().timestamp(), leeway=60)


def listed(entries: bytes, bits: int = 1) -> StatusList:
    return StatusList(0, None, None, bits, entries)


def test_the_vector_of_the_draft(publisher: Issuer) -> None:
    claims = publisher.list_claims(b"") | {"status_list": {"bits": 1, "lst": "eNrbuRgAAhcBXQ"}}
    found = read_now(publisher, publisher.signed_list(claims))
    statuses = [found.status(index) for index in range(16)]
    assert statuses == [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("bits", "entries", "statuses"),
    [
        (2, [0b11100100], [0, 1, 2, 3]),
        (4, [0x21, 0xF0], [1, 2, 0, 15]),
        (8, [0, 1, 255], [0, 1, 255]),
    ],
)
def test_entries_begin_with_the_least_significant_bits(
    bits: int, entries: list[int], statuses: list[int]
) -> None:
    found = listed(bytes(entries), bits)
    assert [found.status(index) for index in range(len(statuses))] == statuses


@pytest.mark.parametrize("index", [16, 10**30, -1])
def test_46_an_index_outside_the_list_has_no_status(index: int) -> None:
    with pytest.raises(NoSuchEntry):
        listed(b"\0\0").status(index)


def packed(octets: bytes) -> str:
    return base64url.encode(zlib.compress(octets)).decode()


def without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda claims: {key: value for key, value in claims.items() if key != name}


def with_list(**members: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda claims: claims | {"status_list": {"bits": 1, "lst": packed(b"\0")} | members}


@pytest.mark.parametrize(
    "change",
    [
        without("sub"),
        without("iat"),
        without("status_list"),
        lambda claims: claims | {"sub": claims["sub"] + "/"},
        lambda claims: claims | {"iat": claims["iat"] + 61},
        lambda claims: claims | {"iat": str(claims["iat"])},
        lambda claims: claims | {"exp": claims["iat"]},
        lambda claims: claims | {"exp": 10**400},
        lambda claims: claims | {"ttl": 0},
        lambda claims: claims | {"ttl": -1},
        lambda claims: claims | {"ttl": "60"},
        list,
        with_list(bits=3),
        with_list(bits="1"),
        with_list(bits=True),
        with_list(lst=packed(b"\0") + "="),
        with_list(lst=packed(b"\0")[:-3]),
        with_list(lst=base64url.encode(zlib.compress(b"\0") + b"more").decode()),
        with_list(lst=base64url.encode(b"not packed at all").decode()),
        with_list(lst="ümlaut"),
        with_list(lst=7),
        with_list(lst=packed(bytes(MAX_LIST_BYTES + 1))),
    ],
)
def test_46_a_list_that_breaks_a_rule_says_nothing(
    publisher: Issuer, change: Callable[[dict[str, Any]], Any]
) -> None:
    claims = publisher.list_claims(b"\0")
    read_now(publisher, publisher.signed_list(claims))
    with pytest.raises(StatusListRefused):
        read_now(publisher, publisher.signed_list(change(claims)))


@pytest.mark.parametrize("kind", ["at+jwt", "JWT", "", "statuslist+cwt"])
def test_46_a_list_of_another_type_is_none(publisher: Issuer, kind: str) -> None:
    signed = publisher.signed_list(publisher.list_claims(b"\0"), kind)
    with pytest.raises(StatusListRefused, match="not a status list"):
        read_now(publisher, signed)


def test_46_a_list_that_somebody_else_signed_is_none(publisher: Issuer) -> None:
    signed = publisher.signed_list(publisher.list_claims(b"\0"), signer=SigningKey.generate())
    with pytest.raises(StatusListRefused, match="not a status list"):
        read_now(publisher, signed)


def test_46_what_unpacks_to_a_hundred_megabytes_is_not_unpacked(publisher: Issuer) -> None:
    packing = zlib.compressobj(9)
    chunks = [packing.compress(bytes(2**20)) for _ in range(100)]
    bomb = base64url.encode(b"".join(chunks) + packing.flush()).decode()
    claims = publisher.list_claims(b"") | {"status_list": {"bits": 1, "lst": bomb}}
    with pytest.raises(StatusListRefused, match="too long"):
        read_now(publisher, publisher.signed_list(claims))


async def test_a_token_is_good_until_its_entry_says_otherwise(issuer: Issuer) -> None:
    issuer.publish_list(b"\x02")
    good, revoked = issuer.mint_listed(0), issuer.mint_listed(1)
    async with issuer.verifier(status_lists=StatusLists()) as verifier:
        await asyncio.gather(*(verifier.verify(good) for _ in range(20)))
        with pytest.raises(TokenNotAccepted) as refused:
            await verifier.verify(revoked)
    assert refused.value.cause == Cause.REVOKED
    assert issuer.asked[PATH] == 1


async def test_a_suspended_token_is_told_apart(issuer: Issuer) -> None:
    issuer.publish_list(b"", status_list={"bits": 2, "lst": packed(b"\x02")})
    async with issuer.verifier(status_lists=StatusLists()) as verifier:
        with pytest.raises(TokenNotAccepted) as refused:
            await verifier.verify(issuer.mint_listed(0))
    assert refused.value.cause == Cause.SUSPENDED


async def test_a_revocation_is_seen_within_the_time_of_the_list(issuer: Issuer) -> None:
    token = issuer.mint_listed(0)
    issuer.publish_list(b"\0", ttl=30)
    async with issuer.verifier(status_lists=StatusLists()) as verifier:
        await verifier.verify(token)
        issuer.publish_list(b"\1", ttl=30)
        issuer.clocks.advance(seconds=29)
        await verifier.verify(token)
        issuer.clocks.advance(seconds=1)
        with pytest.raises(TokenNotAccepted):
            await verifier.verify(token)


async def test_a_list_that_does_not_say_how_long_it_lasts_is_kept_for_a_minute(
    issuer: Issuer,
) -> None:
    token = issuer.mint_listed(0)
    issuer.publish_list(b"\0", ttl=None)
    async with issuer.verifier(status_lists=StatusLists()) as verifier:
        for seconds, asked in ((59, 1), (1, 1), (0, 2)):
            await verifier.verify(token)
            assert issuer.asked[PATH] == asked
            issuer.clocks.advance(seconds=seconds)


async def test_46_an_index_outside_the_list_is_refused(issuer: Issuer) -> None:
    issuer.publish_list(b"\0")
    async with issuer.verifier(status_lists=StatusLists()) as verifier:
        with pytest.raises(TokenNotAccepted) as refused:
            await verifier.verify(issuer.mint_listed(8))
    assert refused.value.cause == Cause.NO_STATUS


async def test_a_token_without_an_entry_is_refused_unless_that_is_allowed(issuer: Issuer) -> None:
    token = issuer.mint()
    async with issuer.verifier(status_lists=StatusLists()) as verifier:
        with pytest.raises(TokenNotAccepted) as refused:
            await verifier.verify(token)
    assert refused.value.cause == Cause.NO_STATUS
    async with issuer.verifier(status_lists=StatusLists(required=False)) as verifier:
        await verifier.verify(token)


@pytest.mark.parametrize(
    "elsewhere", ["https://lists.example.org", "http://127.0.0.1:1", "file://"]
)
async def test_a_list_elsewhere_is_not_fetched(issuer: Issuer, elsewhere: str) -> None:
    here, issuer.url = issuer.url, elsewhere
    claims = issuer.mint_listed(0)
    issuer.url = here
    token = issuer.mint(status=_status_of(claims))
    async with issuer.verifier(status_lists=StatusLists()) as verifier:
        with pytest.raises(TokenNotAccepted) as refused:
            await verifier.verify(token)
    assert refused.value.cause == Cause.NO_STATUS


def _status_of(token: str) -> Any:
    payload = json.loads(base64url.decode(token.split(".")[1].encode()))
    return payload["status"]


async def test_without_a_list_nothing_can_be_said(issuer: Issuer) -> None:
    async with issuer.verifier(status_lists=StatusLists()) as verifier:
        with pytest.raises(VerificationUnavailable, match="answered 404"):
            await verifier.verify(issuer.mint_listed(0))


async def test_a_list_that_cannot_be_trusted_makes_no_token_bad_and_none_good(
    issuer: Issuer,
) -> None:
    issuer.lists[PATH] = issuer.signed_list(issuer.list_claims(b"\0"), "at+jwt")
    async with issuer.verifier(status_lists=StatusLists()) as verifier:
        with pytest.raises(VerificationUnavailable, match="not a status list"):
            await verifier.verify(issuer.mint_listed(0))


async def test_a_list_outlives_its_time_while_the_issuer_is_away_up_to_a_bound(
    issuer: Issuer,
) -> None:
    token = issuer.mint_listed(0)
    issuer.publish_list(b"\0", ttl=60)
    async with issuer.verifier(status_lists=StatusLists()) as verifier:
        await verifier.verify(token)
        issuer.away = True
        issuer.clocks.advance(minutes=30)
        for _ in range(5):
            await verifier.verify(token)
        assert issuer.asked[PATH] == 2
        issuer.clocks.advance(minutes=1)
        with pytest.raises(VerificationUnavailable, match="too old"):
            await verifier.verify(token)


async def test_a_list_never_outlives_its_expiry(issuer: Issuer) -> None:
    token = issuer.mint_listed(0)
    issuer.publish_list(b"\0", exp=int(issuer.clocks.now().timestamp()) + 90)
    async with issuer.verifier(status_lists=StatusLists()) as verifier:
        await verifier.verify(token)
        issuer.away = True
        issuer.clocks.advance(seconds=89)
        await verifier.verify(token)
        issuer.clocks.advance(seconds=1)
        with pytest.raises(VerificationUnavailable, match="too old"):
            await verifier.verify(token)


async def test_49_an_older_list_does_not_replace_a_newer_one(issuer: Issuer) -> None:
    token = issuer.mint_listed(0)
    issuer.publish_list(b"\0")
    older = issuer.lists[PATH]
    issuer.clocks.advance(seconds=1)
    issuer.publish_list(b"\1")
    async with issuer.verifier(status_lists=StatusLists()) as verifier:
        with pytest.raises(TokenNotAccepted):
            await verifier.verify(token)
        issuer.lists[PATH] = older
        issuer.clocks.advance(seconds=60)
        with pytest.raises(TokenNotAccepted):
            await verifier.verify(token)
    assert issuer.asked[PATH] == 2


async def test_no_more_lists_are_kept_than_allowed(issuer: Issuer) -> None:
    paths = [f"/status-lists/{number}" for number in range(3)]
    for path in paths:
        issuer.publish_list(b"\0", path)
    async with issuer.verifier(status_lists=StatusLists(kept=2)) as verifier:
        for path in (*paths, paths[2], paths[0]):
            await verifier.verify(issuer.mint_listed(0, path))
    assert [issuer.asked[path] for path in paths] == [2, 1, 1]
