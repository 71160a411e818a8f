"""What stands in the log, and what would only look like a defect there."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any, NoReturn, cast

import aiohttp
import pytest
from kopf._cogs.clients.errors import check_response

from mintmaster.api import durations
from mintmaster.operator.logs import LogFormat, configure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GONE = {"kind": "Status", "code": 410, "message": "too old resource version"}
TASK_OF_KOPF = "kopf._core.reactor.orchestration"


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


class Answer:
    """An answer of the API server, in which kopf finds something."""

    status, headers, content_type = 410, {"Content-Type": "application/json"}, "application/json"

    def __init__(self, found: Callable[[], object]) -> None:
        self.found = found

    async def json(self) -> object:
        return self.found()

    def raise_for_status(self) -> NoReturn:
        raise aiohttp.ClientResponseError(cast("Any", None), (), status=self.status)


def closed() -> NoReturn:
    raise AssertionError("the session is closed")


def tell(found: Callable[[], object], logger: str = TASK_OF_KOPF) -> None:
    """Have code of kopf fail over what it finds, and log that as kopf does."""
    try:
        asyncio.run(check_response(cast("Any", Answer(found))))
    except Exception as error:
        logging.getLogger(logger).exception("it failed: %s", error)  # noqa: TRY401 - as kopf does


@pytest.mark.parametrize("log_format", LogFormat)
@pytest.mark.parametrize(
    ("found", "said"),
    [(lambda: GONE, "too old resource version"), (closed, "the session is closed")],
)
def test_how_kopf_ends_itself_is_told_in_one_line(
    found: Callable[[], object],
    said: str,
    log_format: LogFormat,
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure("INFO", log_format)
    tell(found)
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert "Traceback" not in line


@pytest.mark.parametrize(
    ("found", "logger", "level"),
    [
        pytest.param(lambda: durations.parse("x"), TASK_OF_KOPF, "INFO", id="a defect of ours"),
        pytest.param(closed, "kopf.objects", "INFO", id="a handler of ours"),
        pytest.param(closed, TASK_OF_KOPF, "DEBUG", id="somebody wants to know"),
    ],
)
def test_anything_else_is_told_in_full(
    found: Callable[[], object], logger: str, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(level, LogFormat.TEXT)
    tell(found, logger)
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_json_is_one_object_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", LogFormat.JSON)
    tell(closed, "kopf.objects")
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["level"], said["message"]) == ("ERROR", "it failed: the session is closed")
    assert "Traceback" in said["exc_info"]
