"""A clock that stands still until a test moves it."""

import pytest
from hypothesis import settings

from kube.waiting import FakeTime
from lifecycle.build import NOW

# A busy machine is no failure: how long an example takes is not what these tests are about.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
def clock() -> FakeTime:
    return FakeTime(instant=NOW)
