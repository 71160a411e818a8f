"""Which namespaces are served: all of them, or those that are listed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from mintmaster.kube.errors import Forbidden

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

__all__ = ["Scope"]

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scope:
    """All namespaces, which takes rights in the whole cluster, or some, which takes a Role in each of them."""

    namespaces: tuple[str, ...] | None = None
    """None: all."""

    @classmethod
    def of(cls, listed: Collection[str], home: str) -> Scope:
        """All where none is listed; else those and the operator's own, where the administrator's token lives."""
        return cls(tuple(dict.fromkeys((home, *listed)))) if listed else cls()

    @property
    def parts(self) -> tuple[str | None, ...]:
        """What is listed and watched by itself: each namespace, or None, which stands for all of them at once."""
        return (None,) if self.namespaces is None else self.namespaces

    async def read(self, read: Callable[[str | None], Awaitable[T]]) -> dict[str | None, T]:
        """What was read of each part.

        One of several that may not be read is left out: its Role went with it, or somebody there deleted it, and
        that is to stop nobody else.
        """
        found = {}
        for part in self.parts:
            try:
                found[part] = await read(part)
            except Forbidden as error:
                if part is None:
                    raise
                log.warning("namespace %s is left out: %s", part, error)
        return found
