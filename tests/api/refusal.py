"""One row of the tables of refused input."""

import pytest

from api.resources import Manifest

SIXTY_FOUR = "a" * 64


def case(sentence: str, resource: Manifest, *fragments: str) -> object:
    return pytest.param(resource, fragments, id=sentence)
