"""Which operation a request means, and what it says: the parts that all foreign APIs share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mintmaster.gate.compat.fields import MAX_FIELDS, Unreadable, fields
from mintmaster.gate.compat.operations import NoSuchMethod, NoSuchPath, Operations
from mintmaster.gate.messages import Answer, IssuerRequest

if TYPE_CHECKING:
    from mintmaster.gate.compat.operations import Handler


def answering(status: int) -> Handler:
    async def handle() -> Answer:
        return Answer(status)

    return handle


LIST, SHOW, OWN, DELETE, BELOW = (answering(status) for status in range(200, 205))
OPERATIONS = Operations(
    {
        ("GET", "/things"): LIST,
        ("GET", "/things/{}"): SHOW,
        ("GET", "/things/self"): OWN,
        ("DELETE", "/things/{}"): DELETE,
        ("POST", "/things/{}/parts/{}"): BELOW,
    }
)


@pytest.mark.parametrize(
    ("method", "path", "handler", "places"),
    [
        ("GET", "/things", LIST, ()),
        ("HEAD", "/things", LIST, ()),
        ("GET", "/things/7", SHOW, ("7",)),
        ("GET", "/things/self", OWN, ()),
        # What is named goes first, but does not hide what any other name could do.
        ("DELETE", "/things/self", DELETE, ("self",)),
        ("GET", "/things/{}", SHOW, ("{}",)),
        ("POST", "/things/a/parts/b", BELOW, ("a", "b")),
    ],
)
def test_the_operation_that_is_meant(
    method: str, path: str, handler: Handler, places: tuple[str, ...]
) -> None:
    assert OPERATIONS.meant(method, path) == (handler, places)


@pytest.mark.parametrize("path", ["", "/", "/thing", "/things/", "/things/7/", "/things/7/parts"])
def test_a_path_that_none_has(path: str) -> None:
    with pytest.raises(NoSuchPath):
        OPERATIONS.meant("GET", path)


def test_a_method_that_none_has() -> None:
    with pytest.raises(NoSuchMethod):
        OPERATIONS.meant("PUT", "/things/7")


def request(body: bytes = b"", content_type: str = "", query: bytes = b"") -> IssuerRequest:
    headers = [(b"content-type", content_type.encode())] if content_type else []
    return IssuerRequest("POST", headers, body, None, "/things", query)  # type: ignore[arg-type]


PARTS = (
    b'--x\r\nContent-Disposition: form-data; name="tag[]"\r\n\r\na\r\n'
    b'--x\r\nContent-Disposition: form-data; name="tag[]"\r\n\r\nb\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nc\r\n--x--\r\n'
)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (request(), {}),
        (request(query=b"a=1&b[]=2&b[]=3"), {"a": "1", "b": ["2", "3"]}),
        (request(b"a=%C3%A9+x", "application/x-www-form-urlencoded"), {"a": "é x"}),
        (request(b'{"a":[1],"b":null}', "application/json"), {"a": [1], "b": None}),
        (request(b'{"a":1}', "application/json; charset=utf-8", b"a=2&b=3"), {"a": 1, "b": "3"}),
        (request(PARTS, "multipart/form-data; boundary=x"), {"tag": ["a", "b"], "file": "c"}),
        (request(b"null", "application/json"), {}),
        (request(b"<a/>", "text/xml"), {}),
    ],
)
def test_what_a_request_says(asked: IssuerRequest, found: dict[str, object]) -> None:
    assert fields(asked) == found


@pytest.mark.parametrize(
    "asked",
    [
        request(b"{", "application/json"),
        request(b"7", "application/json"),
        request(b"\xff", "application/json"),
        request(query=b"a=%ff"),
        request(query=b"&".join([b"a=1"] * (MAX_FIELDS + 1))),
        request(b"no parts", "multipart/form-data; boundary=x"),
    ],
)
def test_what_cannot_be_read(asked: IssuerRequest) -> None:
    with pytest.raises(Unreadable):
        fields(asked)
