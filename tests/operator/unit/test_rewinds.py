"""An older revision counts only together with a database that went back."""

from __future__ import annotations

from mintmaster.operator.queue import Key
from mintmaster.operator.rewinds import WINDOW_SECONDS, Rewinds

KEY = Key("RunnerRegistration", "team", "runner")


class Watch:
    """A monotonic clock that the test sets."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_list_older_than_an_own_write_proves_nothing() -> None:
    rewinds = Rewinds(Watch())
    rewinds.saw_older(KEY, 3)
    assert rewinds.floor(KEY) == 0


def test_what_was_seen_shortly_before_the_restore_was_noticed_counts() -> None:
    watch = Watch()
    rewinds = Rewinds(watch)
    rewinds.saw_older(KEY, 3)
    watch.seconds += WINDOW_SECONDS - 1
    assert rewinds.confirm() == [KEY]
    assert rewinds.floor(KEY) == 3


def test_what_was_seen_long_before_does_not() -> None:
    watch = Watch()
    rewinds = Rewinds(watch)
    rewinds.saw_older(KEY, 3)
    watch.seconds += WINDOW_SECONDS
    assert rewinds.confirm() == []
    assert rewinds.floor(KEY) == 0


def test_what_is_seen_shortly_after_counts_and_the_highest_revision_stays() -> None:
    watch = Watch()
    rewinds = Rewinds(watch)
    rewinds.confirm()
    for known in (5, 3):
        rewinds.saw_older(KEY, known)
    watch.seconds += WINDOW_SECONDS
    rewinds.saw_older(KEY, 9)
    assert rewinds.floor(KEY) == 5


def test_a_resource_that_is_gone_is_forgotten() -> None:
    rewinds = Rewinds(Watch())
    rewinds.confirm()
    rewinds.saw_older(KEY, 3)
    rewinds.forget(KEY)
    assert rewinds.floor(KEY) == 0
