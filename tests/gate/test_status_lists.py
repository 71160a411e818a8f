"""Status lists as a gate serves them, by the draft's rules, and what becomes of them when things go wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from gate.workbench import NOW, Workbench, seconds
from mintmaster.api import names
from mintmaster.kube.status_lists import DATA_KEY, decode
from mintmaster.lifecycle.status_lists import ENTRIES
from mintmaster.tokens.status_list_token import StatusListToken, sign
from mintmaster.verify import status_list
from reconcile.status_list_reading import entry, verified

if TYPE_CHECKING:
    from datetime import datetime

    from mintmaster.kube.status_lists import SignedList

ID = "0123456789abcdef0123456789abcdef"
URI = f"https://default.example.org/status-lists/{ID}"
PATH = f"/status-lists/{ID}"
ENTRIES_WITH_TWO_INVALID = b"\x82" + bytes(ENTRIES // 8 - 1)


def signed(bench: Workbench, *, at: datetime = NOW, entries: bytes | None = None) -> str:
    token = StatusListToken(
        uri=URI,
        issued_at=seconds(at),
        expires_at=seconds(at + timedelta(hours=12)),
        ttl=45,
        entries=ENTRIES_WITH_TWO_INVALID if entries is None else entries,
    )
    return sign(token, bench.key)


def laid_down(text: str, id_: str = ID) -> SignedList:
    """A list in its ConfigMap."""
    labels = {names.LABEL_MANAGED_BY: names.MANAGED_BY, names.LABEL_NAME: "default"}
    metadata = {"name": f"mintmaster-status-list-{id_}", "uid": f"uid-{id_}", "labels": labels}
    return decode(msgspec.json.encode({"metadata": metadata, "data": {DATA_KEY: text}}))


def bench_with_list() -> Workbench:
    bench = Workbench()
    bench.process.status_lists.observe(laid_down(signed(bench)))
    return bench


async def test_a_list_is_served_as_it_was_signed_and_two_kinds_of_verifiers_read_it() -> None:
    bench = bench_with_list()
    answer = await bench.ask("GET", PATH)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/statuslist+jwt"
    assert answer.headers["Cache-Control"] == "public, max-age=10"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    said = verified(answer.body.decode(), [bench.key.public.jwk()], URI)
    assert [entry(said, index) for index in range(9)] == [0, 1, 0, 0, 0, 0, 0, 1, 0]
    ours = status_list.read(
        answer.body, URI, {bench.key.kid: bench.key.public}, NOW.timestamp(), leeway=0
    )
    assert [ours.status(index) for index in range(9)] == [0, 1, 0, 0, 0, 0, 0, 1, 0]
    assert ours.ttl == 45


async def test_every_issuer_serves_its_own_lists_only() -> None:
    bench = bench_with_list()
    bench.publish("other", uid="other")
    bench.publish("below", uid="below", url="https://default.example.org/below")
    assert (await bench.ask("GET", f"/issuers/default{PATH}")).status == 200
    assert (await bench.ask("HEAD", PATH)).status == 200
    for path in (
        f"/issuers/other{PATH}",
        f"/issuers/none{PATH}",
        f"/below{PATH}",
        "/status-lists/ffffffffffffffffffffffffffffffff",
        "/status-lists/{id}",
        "/status-lists/",
        "/status-lists",
        f"{PATH}/more",
    ):
        assert (await bench.ask("GET", path)).status == 404, path
    assert (await bench.ask("POST", PATH)).status == 405


async def test_an_issuer_serves_its_lists_below_the_path_of_its_url() -> None:
    bench = Workbench()
    bench.publish("below", uid="below", url="https://tokens.example.org/below")
    uri = f"https://tokens.example.org/below{PATH}"
    token = StatusListToken(
        uri=uri, issued_at=seconds(NOW), expires_at=seconds(NOW) + 60, ttl=45, entries=b"\0"
    )
    bench.process.status_lists.observe(laid_down(sign(token, bench.key)))
    answer = await bench.ask("GET", f"/below{PATH}")
    assert verified(answer.body.decode(), [bench.key.public.jwk()], uri)
    assert (await bench.ask("GET", PATH)).status == 404


async def test_a_known_entity_tag_is_answered_without_the_list_until_it_changes() -> None:
    bench = bench_with_list()
    tag = (await bench.ask("GET", PATH)).headers["Etag"]
    known = ((b"if-none-match", tag.encode()),)
    again = await bench.ask("GET", PATH, headers=known)
    assert (again.status, again.body) == (304, b"")
    later = signed(bench, at=NOW + timedelta(seconds=1), entries=b"\xff")
    bench.process.status_lists.observe(laid_down(later))
    assert (await bench.ask("GET", PATH, headers=known)).status == 200


async def test_49_an_older_list_never_replaces_a_newer_one() -> None:
    bench = bench_with_list()
    newest = (await bench.ask("GET", PATH)).body
    bench.process.status_lists.observe(laid_down(signed(bench, at=NOW - timedelta(seconds=1))))
    assert (await bench.ask("GET", PATH)).body == newest


async def test_a_list_is_served_until_its_end_and_then_there_is_no_answer() -> None:
    bench = bench_with_list()
    bench.clock.instant = NOW + timedelta(hours=12, seconds=-3)
    answer = await bench.ask("GET", PATH)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "public, max-age=3")
    bench.clock.instant = NOW + timedelta(hours=12)
    answer = await bench.ask("GET", PATH)
    assert (answer.status, answer.headers["Cache-Control"]) == (503, "no-store")
    assert int(answer.headers["Retry-After"]) > 0


async def test_82_knowledge_that_is_too_old_gives_no_list() -> None:
    bench = bench_with_list()
    bench.age = 599
    assert (await bench.ask("GET", PATH)).headers["Mintmaster-Staleness"] == "599"
    bench.age = 601
    assert (await bench.ask("GET", PATH)).status == 503


async def test_the_list_of_another_time_is_not_to_be_had() -> None:
    bench = bench_with_list()
    assert (await bench.ask("GET", f"{PATH}?time=1686925000")).status == 501


async def test_what_cannot_be_read_or_lies_in_the_wrong_place_is_not_served() -> None:
    bench = Workbench()
    lists = bench.process.status_lists
    for text in ("", "nonsense", "a.b.c", bench.jwt()):
        lists.observe(laid_down(text))
    lists.observe(laid_down(signed(bench), id_="f" * 32))
    assert (await bench.ask("GET", PATH)).status == 404


async def test_what_is_gone_is_not_served_any_more() -> None:
    bench = bench_with_list()
    lists = bench.process.status_lists
    lists.keep_only({f"uid-{ID}"})
    assert (await bench.ask("GET", PATH)).status == 200
    lists.forget("f" * 32)
    assert (await bench.ask("GET", PATH)).status == 200
    lists.forget(ID)
    assert (await bench.ask("GET", PATH)).status == 404
    lists.observe(laid_down(signed(bench)))
    lists.keep_only({"another"})
    assert (await bench.ask("GET", PATH)).status == 404
