"""The judge of the tests under load finds what is wrong, and excuses what was changing."""

from __future__ import annotations

import jwt
import pytest

from gate.load.ledger import Ledger, Misjudged, going_on

TOKEN = jwt.encode({}, "a key that is long enough for this", headers={"kid": "first"})


async def accepts(token: str) -> bool:
    return True


async def refuses(token: str) -> bool:
    return False


async def test_a_good_token_that_is_refused_is_found() -> None:
    ledger = Ledger()
    ledger.enter(TOKEN)
    await ledger.hold(TOKEN, accepts)
    with pytest.raises(Misjudged, match="refuses refused a token of key first"):
        await ledger.hold(TOKEN, refuses)


async def test_a_bad_token_that_is_accepted_is_found() -> None:
    ledger = Ledger()
    ledger.enter(TOKEN)
    ledger.doubt_key("first")
    await ledger.hold(TOKEN, accepts)
    await ledger.ended([TOKEN], refuses)
    with pytest.raises(Misjudged, match="accepts accepted a token of key first"):
        await ledger.hold(TOKEN, accepts)


async def test_what_changes_while_it_is_asked_about_may_be_answered_either_way() -> None:
    ledger = Ledger()
    ledger.enter(TOKEN)

    async def refuses_in_time(token: str) -> bool:
        ledger.bad([token])
        return False

    await ledger.hold(TOKEN, refuses_in_time)


async def test_a_token_on_its_way_while_its_key_falls_into_doubt_is_in_doubt() -> None:
    ledger = Ledger()
    ledger.doubt_key("first")
    ledger.enter(TOKEN)
    await ledger.hold(TOKEN, accepts)
    await ledger.hold(TOKEN, refuses)


async def test_what_is_found_beside_a_test_fails_it() -> None:
    ledger = Ledger()
    ledger.enter(TOKEN)
    with pytest.raises(ExceptionGroup) as failed:
        async with going_on(ledger.keep_asking("asker", refuses)):
            await ledger.all_asked()
    assert failed.group_contains(Misjudged)
