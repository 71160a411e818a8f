"""The keys of an issuer over time: published, promoted, retired, withdrawn, and never none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.build import HOUR, MINUTE, NOW, issuer, setting
from mintmaster.api.token_issuer import KeyState, SigningAlgorithm
from mintmaster.lifecycle.keyring import Keyring, Turn, next_turn, signing_key_id, turned

if TYPE_CHECKING:
    from datetime import datetime

    from mintmaster.api.token_issuer import TokenIssuerSpec

SPEC = issuer().spec
"""Keys of 2160 h, published 1 h before they sign; tokens of 8760 h at most."""

KEY_LIFETIME = timedelta(hours=2160)
LONGEST_TOKEN = timedelta(hours=8760)


class Ring:
    """A key ring that is turned as time passes."""

    def __init__(self, spec: TokenIssuerSpec = SPEC) -> None:
        self.spec = spec
        self.now: datetime = NOW
        self.rotation: str | None = None
        self.ring = Keyring()
        self._numbers = count(1)

    def turn(self) -> Ring:
        self.ring = turned(self.ring, self._turn())
        return self

    def after(self, duration: timedelta) -> Ring:
        self.now += duration
        return self.turn()

    def edit(self, path: str, value: object) -> Ring:
        self.spec = setting(self.spec, path, value)
        return self.turn()

    def rotate(self, request: str) -> Ring:
        self.rotation = request
        return self.turn()

    @property
    def states(self) -> list[str]:
        return [f"{key.id} {key.state}" for key in self.ring.keys]

    def is_at_rest(self) -> bool:
        """Whether turning again at the same moment changes nothing and makes no key."""
        return turned(self.ring, replace(self._turn(), new_key=_refuse)) == self.ring

    def _turn(self) -> Turn:
        return Turn(self.spec, self.now, self.rotation, lambda _: f"k{next(self._numbers)}")


def _refuse(algorithm: str) -> str:
    raise AssertionError(f"a key of algorithm {algorithm} was made for nothing")


def test_the_first_key_signs_at_once() -> None:
    ring = Ring().turn()

    assert ring.states == ["k1 Active"]
    assert ring.ring.active is not None
    assert (ring.ring.active.not_before, ring.ring.active.algorithm) == (NOW, "ES256")


def test_a_rotate_annotation_that_was_there_before_the_first_key_is_handled_by_it() -> None:
    assert Ring().rotate("at birth").after(MINUTE).states == ["k1 Active"]


def test_the_next_key_is_published_an_hour_before_it_signs() -> None:
    ring = Ring().turn()

    assert ring.after(KEY_LIFETIME - HOUR - MINUTE).states == ["k1 Active"]
    assert ring.after(MINUTE).states == ["k2 Next", "k1 Active"]
    assert ring.after(HOUR - MINUTE).states == ["k2 Next", "k1 Active"]
    assert ring.after(MINUTE).states == ["k2 Active", "k1 Retired"]


def test_a_retired_key_stays_until_the_longest_token_it_may_have_signed_has_expired() -> None:
    ring = Ring().turn().rotate("1").after(HOUR)
    assert ring.ring.keys[1].retire_at == ring.now + LONGEST_TOKEN

    assert "k1 Retired" in ring.after(LONGEST_TOKEN - MINUTE).states
    assert not any(state.startswith("k1") for state in ring.after(MINUTE).states)


def test_a_request_is_handled_once_and_publishes_before_it_signs() -> None:
    ring = Ring().turn().rotate("1")

    assert ring.states == ["k2 Next", "k1 Active"]
    assert ring.after(HOUR).states == ["k2 Active", "k1 Retired"]
    assert ring.after(HOUR).states == ["k2 Active", "k1 Retired"]


def test_a_second_request_meanwhile_is_handled_when_the_first_has_been() -> None:
    ring = Ring().turn().rotate("1").rotate("2")

    assert ring.states == ["k2 Next", "k1 Active"]
    assert ring.after(HOUR).states == ["k3 Next", "k2 Active", "k1 Retired"]
    assert ring.after(HOUR).states == ["k3 Active", "k2 Retired", "k1 Retired"]


def test_another_algorithm_takes_over_as_a_next_key_does() -> None:
    ring = Ring().turn().edit("signing.algorithm", SigningAlgorithm.EDDSA)

    assert [(key.algorithm, key.state) for key in ring.ring.keys] == [
        ("EdDSA", "Next"),
        ("ES256", "Active"),
    ]


def test_a_withdrawn_active_key_is_replaced_at_once() -> None:
    ring = Ring().turn().edit("withdrawn_keys", ("k1",))

    assert ring.states == ["k2 Active", "k1 Withdrawn"]
    assert [key.id for key in ring.ring.published] == ["k2"]


def test_a_next_key_signs_early_where_the_active_one_was_withdrawn() -> None:
    ring = Ring().turn().rotate("1").after(MINUTE).edit("withdrawn_keys", ("k1",))

    assert ring.states == ["k2 Active", "k1 Withdrawn"]
    assert ring.ring.active is not None
    assert ring.ring.active.not_before == ring.now


def test_withdrawing_the_next_key_leaves_the_active_one_signing() -> None:
    ring = Ring().turn().rotate("1").edit("withdrawn_keys", ("k2",))

    assert ring.states == ["k2 Withdrawn", "k1 Active"]


def test_withdrawing_both_makes_a_new_one() -> None:
    ring = Ring().turn().rotate("1").edit("withdrawn_keys", ("k1", "k2"))

    assert ring.states == ["k3 Active", "k2 Withdrawn", "k1 Withdrawn"]


def test_a_withdrawn_key_that_the_spec_names_no_more_is_forgotten_not_revived() -> None:
    ring = Ring().turn().edit("withdrawn_keys", ("k1",)).edit("withdrawn_keys", ())

    assert ring.states == ["k2 Active"]


def test_after_a_long_outage_the_next_key_begins_now_and_is_not_replaced_at_once() -> None:
    ring = Ring().turn().after(KEY_LIFETIME - HOUR).after(timedelta(hours=5000))

    assert ring.states == ["k2 Active", "k1 Retired"]
    assert ring.is_at_rest()
    assert ring.ring.active is not None
    assert ring.ring.active.not_before == ring.now


def test_the_emergency_does_not_forget_that_the_algorithm_changed() -> None:
    ring = Ring().turn().rotate("1")
    ring.spec = setting(ring.spec, "signing.algorithm", SigningAlgorithm.EDDSA)

    ring.edit("withdrawn_keys", ("k1",))

    assert ring.states == ["k3 Next", "k2 Active", "k1 Withdrawn"]
    assert ring.is_at_rest()


@pytest.mark.parametrize(("at_hand", "expected"), [({"k1": object()}, "k1"), ({}, "")])
def test_only_a_key_whose_private_half_is_at_hand_signs(
    at_hand: dict[str, object], expected: str
) -> None:
    assert signing_key_id(at_hand, Ring().turn().ring) == expected


def test_an_empty_ring_has_nothing_to_wait_for_and_nothing_to_sign_with() -> None:
    assert next_turn(Keyring(), SPEC) is None
    assert signing_key_id({}, Keyring()) == ""


def test_waking_at_each_next_turn_misses_no_change() -> None:
    ring = Ring().turn()
    seen = []
    for _ in range(4):
        moment = next_turn(ring.ring, ring.spec)
        assert moment is not None
        seen.append(ring.after(moment - ring.now).states)

    assert seen == [
        ["k2 Next", "k1 Active"],
        ["k2 Active", "k1 Retired"],
        ["k3 Next", "k2 Active", "k1 Retired"],
        ["k3 Active", "k2 Retired", "k1 Retired"],
    ]


_HAPPENINGS = st.one_of(
    st.tuples(st.just("wait"), st.integers(0, 12_000)),
    st.tuples(st.just("rotate"), st.integers(1, 5)),
    st.tuples(st.just("withdraw"), st.integers(1, 6)),
    st.tuples(st.just("reinstate"), st.just(0)),
    st.tuples(st.just("algorithm"), st.integers(0, 2)),
    st.tuples(st.just("lifetime"), st.integers(2, 3000)),
)


def _happen(ring: Ring, what: str, number: int) -> None:
    match what:
        case "wait":
            ring.after(number * HOUR)
        case "rotate":
            ring.rotate(str(number))
        case "withdraw":
            chosen = ring.ring.keys[number % len(ring.ring.keys)]
            ring.edit("withdrawn_keys", tuple({*ring.spec.withdrawn_keys, chosen.id}))
        case "reinstate":
            ring.edit("withdrawn_keys", ())
        case "algorithm":
            ring.edit("signing.algorithm", list(SigningAlgorithm)[number])
        case _:
            ring.edit("signing.key_lifetime", f"{number}h")


@given(st.lists(_HAPPENINGS, max_size=12))
def test_whatever_happens_one_key_signs_and_the_ring_comes_to_rest(
    happenings: list[tuple[str, int]],
) -> None:
    ring = Ring().turn()
    for what, number in happenings:
        _happen(ring, what, number)
        states = [key.state for key in ring.ring.keys]
        assert states.count(KeyState.ACTIVE) == 1
        assert states.count(KeyState.NEXT) <= 1
        assert ring.ring.active is not None
        assert ring.ring.active.id not in ring.spec.withdrawn_keys
        assert ring.ring.active.not_before <= ring.now
        assert ring.is_at_rest()
        moment = next_turn(ring.ring, ring.spec)
        assert moment is None or moment > ring.now
