"""Cutting a stream into lines."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mintmaster.kube.lines import LineSplitter


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut the data at these places (modulo its length); empty pieces may be among the result."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(
    lines=st.lists(st.binary(min_size=1).filter(lambda line: b"\n" not in line)),
    rest=st.binary().filter(lambda line: b"\n" not in line),
    places=st.lists(st.integers(0, 10_000)),
)
def test_lines_come_out_as_they_went_in_however_they_are_cut(
    lines: list[bytes], rest: bytes, places: list[int]
) -> None:
    splitter = LineSplitter()
    chunks = cut(b"".join(line + b"\n" for line in lines) + rest, places)
    assert [line for chunk in chunks for line in splitter.feed(chunk)] == lines
    assert splitter.feed(b"\n") == ([rest] if rest else [])


def test_empty_lines_are_left_out() -> None:
    assert LineSplitter().feed(b"\n\na\n\nb\n") == [b"a", b"b"]


def test_a_line_of_megabytes_is_one_line() -> None:
    splitter = LineSplitter()
    pieces = [b"x" * 65_536] * 64
    assert [splitter.feed(piece) for piece in pieces] == [[]] * 64
    assert splitter.feed(b"\n") == [b"".join(pieces)]
