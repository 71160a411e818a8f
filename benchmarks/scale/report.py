"""The tables of docs/scale.md, in Markdown, and where they are put there."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.scale.figures import Deletion, Gate, Memory, Size, Start, Wave

T = TypeVar("T")

BEGIN, END = "<!-- measured -->", "<!-- end of what was measured -->"
"""Between these the tables stand on the page."""

NOT_MEASURED = "not measured"


def of_sizes(sizes: Sequence[Size]) -> Iterator[str]:
    """One column for each number of resources."""
    yield f"| | {' | '.join(f'{size.count:,}' for size in sizes)} | aim |"
    yield f"|---|{'---|' * len(sizes)}---|"
    for what, aim, told in _ROWS:
        yield f"| {what} | {' | '.join(told(size) for size in sizes)} | {aim} |"


def _start(tell: Callable[[Size, Start], str]) -> Callable[[Size], str]:
    return _if_measured(lambda size: size.start, tell)


def _relist(tell: Callable[[Size, Start], str]) -> Callable[[Size], str]:
    return _if_measured(lambda size: size.relist, tell)


def _memory(tell: Callable[[Size, Memory], str]) -> Callable[[Size], str]:
    return _if_measured(lambda size: size.memory, tell)


def _gate(tell: Callable[[Size, Gate], str]) -> Callable[[Size], str]:
    return _if_measured(lambda size: size.gate, tell)


def _if_measured(
    find: Callable[[Size], T | None], tell: Callable[[Size, T], str]
) -> Callable[[Size], str]:
    def told(size: Size) -> str:
        found = find(size)
        return NOT_MEASURED if found is None else tell(size, found)

    return told


def _in_lists(size: Size, seconds: float) -> str:
    return f"{seconds / size.listed:.1f} ({seconds:.1f} s)"


def _kilobytes_each(size: Size, memory: Memory) -> str:
    return f"{size.per_resource(memory) / 1e3:.1f} KB"


def _milliseconds_each(size: Size, start: Start) -> str:
    return f"{start.cpu / size.count * 1e3:.2f} ms"


_ROWS: tuple[tuple[str, str, Callable[[Size], str]], ...] = (
    ("operator, memory per resource", "6 KB", _memory(_kilobytes_each)),
    (
        "operator, memory in all, at rest",
        "",
        _memory(lambda _, it: f"{it.settled / 1e6:.0f} MB"),
    ),
    ("operator, peak while it starts", "", _memory(lambda _, it: f"{it.peak / 1e6:.0f} MB")),
    (
        "start: writes; objects changed",
        "0; 0",
        _start(lambda _, it: f"{it.writes:.0f}; {it.changed}"),
    ),
    (
        "start: a new resource is Ready, in bare lists of everything",
        "seconds",
        _start(lambda size, it: _in_lists(size, it.until_ready)),
    ),
    (
        "start: of the others, not yet checked by then",
        "",
        _start(lambda _, it: f"{it.unchecked:,}"),
    ),
    (
        "start: all are checked, in bare lists",
        "",
        _start(lambda size, it: _in_lists(size, it.settled)),
    ),
    ("start: processor time per resource", "", _start(_milliseconds_each)),
    ("list anew: writes", "0", _relist(lambda _, it: f"{it.writes:.0f}")),
    (
        "list anew: a new resource is Ready, in bare lists",
        "",
        _relist(lambda size, it: _in_lists(size, it.until_ready)),
    ),
    ("list anew: processor time per resource", "", _relist(_milliseconds_each)),
    ("gate, memory per resource", "", _gate(lambda size, it: _kilobytes_each(size, it.memory))),
    ("gate, memory in all", "", _gate(lambda _, it: f"{it.memory.settled / 1e6:.0f} MB")),
    ("gate: ready, in bare lists", "", _gate(lambda size, it: _in_lists(size, it.until_ready))),
    (
        "etcd: octets per resource with its Secret",
        "",
        lambda it: f"{it.database / it.count / 1e3:.1f} KB",
    ),
    ("a bare list of all resources and Secrets", "", lambda it: f"{it.listed:.1f} s"),
)


def of_wave(found: Wave) -> Iterator[str]:
    """A wave of renewals, as rows."""
    yield (
        f"| {found.count:,} renewals due within {found.window:.0f} s,"
        f" beside {found.beside:,} resources | | aim |"
    )
    yield "|---|---|---|"
    yield (
        f"| renewals, of what the bare loop gets done | {found.ratio:.2f}"
        f" ({found.operator:.0f}/s; bare {found.bare:.0f}/s; due {found.count / found.window:.0f}/s) | 0.8 |"
    )
    yield f"| the last one is done after it was due | {found.behind:.1f} s | |"
    people, bare = median(found.people), median(found.people_bare)
    yield (
        f"| people's new resources Ready meanwhile, median of {len(found.people)} |"
        f" {people * 1e3:.0f} ms; {people / bare:.1f} of three bare writes | 200 ms |"
    )


def of_deletion(found: Deletion) -> Iterator[str]:
    """The end of a namespace, as rows."""
    yield f"| a namespace with {found.count:,} is deleted, beside {found.beside:,} resources | | aim |"
    yield "|---|---|---|"
    yield (
        "| gone, in the time that it takes without an operator |"
        f" {found.with_operator / found.without:.2f}"
        f" ({found.with_operator:.0f} s; {found.without:.0f} s) | |"
    )
    yield f"| writes of the operator | {found.writes:.0f} | 0 |"
    yield f"| processor time of the operator per resource | {found.cpu / found.count * 1e3:.2f} ms | |"


def put_on(page: Path, lines: Sequence[str]) -> None:
    """Replace what stands between the marks of a page; ValueError where it has none."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has no lines {BEGIN} and {END} to put the tables between")
    page.write_text("\n".join((before + begin, *lines, end + after)))
