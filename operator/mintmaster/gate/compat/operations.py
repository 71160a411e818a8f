"""Which operation of a foreign API a request means, by its method and path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from contextlib import AbstractContextManager

    from mintmaster.gate.messages import Answer, IssuerRequest

    Handler = Callable[..., Awaitable[Answer]]
    """Takes the request, and what stands in the path's places, as text."""

_PLACE = "{}"


class NoSuchPath(LookupError):
    """No operation has such a path."""


class NoSuchMethod(LookupError):
    """Operations have this path, but none has this method."""


class Meant(NamedTuple):
    """The operation that a request means."""

    handle: Handler
    places: tuple[str, ...]


class Operations:
    """All operations of an API, by method and path; `{}` in a path stands for any one segment that is not empty."""

    def __init__(self, handlers: Mapping[tuple[str, str], Handler]) -> None:
        self.all = frozenset(handlers)
        """Method and path of each, for whoever wants to try them all."""
        self._root = _Node()
        for (method, path), handler in handlers.items():
            node = self._root
            for segment in path.split("/"):
                node = node.children.setdefault(segment, _Node())
            node.handlers[method] = handler

    def meant(self, method: str, path: str) -> Meant:
        """Find the operation; NoSuchPath or NoSuchMethod. HEAD means what GET does."""
        found = _matches(self._root, path.split("/"))
        if not found:
            raise NoSuchPath
        wanted = "GET" if method == "HEAD" else method
        for node, places in found:
            if wanted in node.handlers:
                return Meant(node.handlers[wanted], places)
        raise NoSuchMethod


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Answers with the operation that a request means. `told` wraps it, and refuses as its API does where it fails."""

    operations: Operations
    told: Callable[[], AbstractContextManager[None]]

    async def __call__(self, request: IssuerRequest) -> Answer:
        """Answer a request. Raises Refused, and whatever `told` lets pass."""
        with self.told():
            meant = self.operations.meant(request.method, request.path)
            return await meant.handle(request, *meant.places)


class _Node:
    """One place in the tree of paths."""

    __slots__ = ("children", "handlers")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.handlers: dict[str, Handler] = {}


def _matches(node: _Node, segments: list[str]) -> list[tuple[_Node, tuple[str, ...]]]:
    """The nodes that the segments lead to: where one is named, before where any would do."""
    if not segments:
        return [(node, ())] if node.handlers else []
    segment, *rest = segments
    found = []
    if segment != _PLACE and segment in node.children:
        found += _matches(node.children[segment], rest)
    if segment and _PLACE in node.children:
        below = _matches(node.children[_PLACE], rest)
        found += [(end, (segment, *places)) for end, places in below]
    return found
