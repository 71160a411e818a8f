"""Traces, for those who ask for them: from a request to the writes that it causes (W3C Trace Context, OTLP).

Off by default: a span is then one shared object that does nothing. What is noted in a span are
names, reasons and numbers, never a token, nor the text of an error, which others have written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    Attributes = Mapping[str, str | int]
    Observer = Callable[[str, str, int, float], None]

__all__ = ["UNTRACED", "Span", "Tracing"]


class Span(Protocol):
    """One thing that is done."""

    def note(self, attributes: Attributes) -> None:
        """Add what became known meanwhile."""
        ...


class Tracing(Protocol):
    """Where spans are made."""

    def span(
        self, name: str, attributes: Attributes | None = None, *, parent: str = ""
    ) -> AbstractContextManager[Span]:
        """Have a span for the length of the block, within the present one or within `parent` (a `traceparent`)."""
        ...

    def traceparent(self) -> str:
        """The present span as a `traceparent` (W3C Trace Context); empty for none."""
        ...

    def observing(self, observer: Observer) -> Observer:
        """Have each request to the API server, of which that observer is told, become a span of its own, too."""
        ...


class _Silence:
    """A span that is not."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def note(self, attributes: Attributes) -> None:
        """Note nothing."""


_SILENCE: Final = _Silence()


class _Untraced:
    """No tracing."""

    __slots__ = ()

    def span(
        self,
        name: str,  # noqa: ARG002 - the protocol's
        attributes: Attributes | None = None,  # noqa: ARG002 - the protocol's
        *,
        parent: str = "",  # noqa: ARG002 - the protocol's
    ) -> _Silence:
        """The span that is none."""
        return _SILENCE

    def traceparent(self) -> str:
        """None."""
        return ""

    def observing(self, observer: Observer) -> Observer:
        """The observer as it is."""
        return observer


UNTRACED: Final[Tracing] = _Untraced()
