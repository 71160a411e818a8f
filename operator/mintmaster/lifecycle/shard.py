"""Which namespaces an operator works on, where one leader does not suffice (docs/design/20261201-shards.md).

Every process computes alike whose a namespace is, from its name alone: nobody has to be told, and nothing is stored.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MAX_COUNT: Final = 64
"""Shards at the most: each lists and watches all resources, which an API server has to serve as often."""

ANY: Final = "any"
"""Instead of a number: whichever shard has no leader."""

_SHARD = re.compile(r"(?P<number>[0-9]{1,9}|any)/(?P<count>[0-9]{1,9})")
_LIST_ID = re.compile(r"[0-9a-f]{32}-(?P<number>[0-9]{1,9})-of-(?P<count>[0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` shards, numbered from 1. The first one owns what belongs to no namespace: the issuers."""

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_COUNT:
            raise ValueError(f"there can be 1 to {MAX_COUNT} shards, not {self.count}")
        if not 1 <= self.number <= self.count:
            raise ValueError(
                f"there is no shard {self.number} of {self.count}: they are numbered from 1 to {self.count}"
            )

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def is_first(self) -> bool:
        """Whether it is the one that owns the issuers."""
        return self.number == 1

    @property
    def is_all(self) -> bool:
        """Whether it is the only one."""
        return self.count == 1

    def owns(self, namespace: str) -> bool:
        """Whether the resources of a namespace are this shard's."""
        return self.count == 1 or number_of(namespace, self.count) == self.number

    def owns_status_list(self, id_: str) -> bool:
        """Whether this shard says what a status list of that id contains.

        A list names its shard in its id. One of another number of shards has entries of resources that belong to
        several shards by now: the first one keeps it, which knows what all resources name.
        """
        named = _LIST_ID.fullmatch(id_)
        number, count = (int(named["number"]), int(named["count"])) if named else (1, 1)
        return self.number == (number if count == self.count else 1)

    @property
    def list_suffix(self) -> str:
        """What the ids of the status lists of this shard end with."""
        return "" if self.is_all else f"-{self.number}-of-{self.count}"


ALONE: Final = Shard()
"""The only shard, where nobody asked for several."""


def number_of(namespace: str, count: int) -> int:
    """The number of the shard, of so many, that a namespace belongs to: by 64 bits of the SHA-256 of its name."""
    return _bits(namespace) % count + 1


@lru_cache(maxsize=16_384)
def _bits(namespace: str) -> int:
    return int.from_bytes(hashlib.sha256(namespace.encode()).digest()[:8])


def parse(text: str) -> tuple[Shard, ...]:
    """The shards that `NUMBER/COUNT` names: one, or all of them for `any/COUNT`. ValueError says what is wrong."""
    match = _SHARD.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} names no shard: write NUMBER/COUNT such as 2/3, or any/3 to take whichever has no leader"
        )
    count = int(match["count"])
    if match["number"] == ANY:
        Shard(1, count)  # says what is wrong with the count
        return tuple(Shard(number, count) for number in range(1, count + 1))
    return (Shard(int(match["number"]), count),)
