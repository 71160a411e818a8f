"""An issuer and what its tokens are verified with."""

from collections.abc import AsyncIterator

import pytest

from verify.issuer import Clocks, Issuer, issuing


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
async def issuer(clocks: Clocks) -> AsyncIterator[Issuer]:
    async with issuing(clocks) as started:
        yield started
