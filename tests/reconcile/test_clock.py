"""Clocks that are wrong: nothing is minted or pruned by them, and all goes on once they are right."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mintmaster.api.kinds import TOKEN_ISSUER
from reconcile.reading import condition, is_ready, is_unready

if TYPE_CHECKING:
    from mintmaster.api.kinds import TokenResource
    from reconcile.harness import Cluster, Running

DAY = timedelta(days=1)


def _waits_for_the_clock(runner: TokenResource) -> bool:
    """Whether its token counts as good still, though by the wrong clock it has expired, and its renewal waits."""
    return is_ready(runner) and condition(runner, "RenewalFailing") == ("True", "ClockSkew")


async def _set_clock(user: Cluster, operator: Running, ahead: timedelta, *, trusted: bool) -> None:
    """Set the operator's clock, and wait until an answer of the API server has shown how far it is off."""

    async def exceeded() -> bool:
        return operator.skew.exceeded

    operator.skew.compares = True
    operator.clock.offset = ahead
    await user.until(exceeded, lambda it: it is not trusted)
    operator.advance(timedelta())


async def test_a_clock_that_is_months_ahead_mints_nothing_and_prunes_nothing(
    cluster_user: Cluster, operator: Running
) -> None:
    """Attack 88."""
    keys = (await cluster_user.ready_issuer()).status.keys
    before = await cluster_user.ready_runner()
    await operator.at_rest()
    await _set_clock(cluster_user, operator, 100 * DAY, trusted=False)
    await cluster_user.create_runner("another")
    await cluster_user.runner_where(is_unready("ClockSkew"), "another")
    await cluster_user.annotate(TOKEN_ISSUER, cluster_user.issuer, rotate="now")
    held_up = await cluster_user.runner_where(_waits_for_the_clock)
    assert held_up.status.tokens == before.status.tokens
    await operator.at_rest()
    assert (await cluster_user.own_issuer()).status.keys == keys


async def test_all_goes_on_once_a_clock_that_was_ahead_is_right(
    cluster_user: Cluster, operator: Running
) -> None:
    await cluster_user.ready_issuer()
    before = await cluster_user.ready_runner()
    await operator.at_rest()
    await _set_clock(cluster_user, operator, 100 * DAY, trusted=False)
    await cluster_user.create_runner("another")
    await cluster_user.runner_where(is_unready("ClockSkew"), "another")
    await cluster_user.runner_where(_waits_for_the_clock)

    await _set_clock(cluster_user, operator, timedelta(), trusted=True)
    await cluster_user.runner_where(is_ready, "another")
    after = await cluster_user.runner_where(
        lambda it: is_ready(it) and condition(it, "RenewalFailing") is None
    )
    assert after.status.tokens == before.status.tokens


async def test_an_issuer_made_while_the_clock_is_wrong_gets_its_key_when_it_is_right(
    cluster_user: Cluster, operator: Running
) -> None:
    await _set_clock(cluster_user, operator, DAY, trusted=False)
    await cluster_user.create_issuer()
    waiting = await cluster_user.issuer_where(is_unready("ClockSkew"))
    assert waiting.status.keys == ()
    await _set_clock(cluster_user, operator, timedelta(), trusted=True)
    await cluster_user.issuer_where(is_ready)


async def test_a_clock_that_is_set_back_while_it_is_trusted_writes_nothing(
    cluster_user: Cluster, operator: Running
) -> None:
    """Attack 62."""
    await cluster_user.ready_issuer()
    await cluster_user.ready_runner()
    async with operator.writing(0):
        operator.advance(-DAY)
    async with operator.writing(0):
        operator.advance(DAY)
    assert condition(await cluster_user.runner(), "Ready") == ("True", "Issued")
