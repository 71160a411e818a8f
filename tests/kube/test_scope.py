"""All namespaces or some: what is read of each, and what one that refuses does to the others."""

import pytest

from mintmaster.kube.errors import Forbidden, from_response
from mintmaster.kube.scope import Scope

REFUSAL = from_response(403, b'{"reason": "Forbidden", "message": "not yours"}', retry_after=None)


def test_none_listed_means_all() -> None:
    assert Scope.of((), "home").parts == (None,)


def test_home_is_among_those_that_are_listed_once() -> None:
    assert Scope.of(("a", "home", "a"), "home").parts == ("home", "a")


async def read(part: str | None) -> str:
    if part in {None, "closed"}:
        raise REFUSAL
    return f"of {part}"


async def test_a_namespace_that_refuses_is_left_out() -> None:
    assert await Scope.of(("a", "closed"), "home").read(read) == {"home": "of home", "a": "of a"}


async def test_a_cluster_that_refuses_is_an_error() -> None:
    with pytest.raises(Forbidden):
        await Scope().read(read)
