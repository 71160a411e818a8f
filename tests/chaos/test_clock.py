"""World time: moved by the rig, seen by processes, and told afterwards."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from chaos.record import Clock
from chaos.world_clock import OffsetClock, OffsetFile, WorldClock

if TYPE_CHECKING:
    from pathlib import Path

LEAPS = st.lists(st.tuples(st.floats(1, 100), st.floats(1, 500)), max_size=5)


@given(LEAPS, st.floats(0, 600))
def test_world_time_is_reached_when_it_is_shown(
    leaps: list[tuple[float, float]], at: float
) -> None:
    moves, since, offset = [(float("-inf"), 1000.0)], 0.0, 1000.0
    for wait, leap in leaps:
        since, offset = since + wait, offset + leap
        moves.append((since, offset))
    clock = Clock(moves)

    assert abs(clock.reached(clock.world(at)) - at) < 1e-6


def test_what_a_leap_passes_over_is_reached_at_the_leap() -> None:
    clock = Clock([(float("-inf"), 0.0), (10.0, 100.0)])

    assert clock.reached(9.0) == 9.0
    assert clock.reached(50.0) == 10.0
    assert clock.reached(110.0) == 10.0
    assert clock.reached(111.0) == 11.0


def test_processes_see_world_time_and_their_own_error(tmp_path: Path) -> None:
    world = WorldClock(tmp_path)
    right = OffsetClock(OffsetFile(world.file("right")))
    wrong = OffsetClock(OffsetFile(world.file("wrong")))

    world.pass_time(600)
    world.put_off("wrong", -45)

    assert abs(world.now() - time.time() - 600) < 1
    assert abs(right.now().timestamp() - world.now()) < 1
    assert abs(wrong.now().timestamp() - world.now() + 45) < 1
    assert right.now().tzinfo is UTC
    world.put_off("wrong", 0)
    assert abs(wrong.now().timestamp() - world.now()) < 1
    assert abs(world.history.world(time.monotonic()) - world.now()) < 1
    assert datetime.now(UTC).timestamp() < world.now() - 500
