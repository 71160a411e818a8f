"""What stands in the log, and what would only look like a defect there."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, NoReturn

import pytest
from kopf._cogs.clients.errors import APIClientError

from mintmaster.operator.logs import LogFormat, configure

if TYPE_CHECKING:
    from collections.abc import Iterator

GONE = {"kind": "Status", "code": 410, "message": "too old resource version"}


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def failed(error: Exception) -> None:
    """Log an error as kopf does when one of its tasks ends."""
    try:
        _raise(error)
    except type(error):
        logging.getLogger("kopf._core.reactor.orchestration").exception("it failed: %s", error)


def _raise(error: Exception) -> NoReturn:
    raise error


@pytest.mark.parametrize("log_format", LogFormat)
def test_an_answer_that_kopf_ends_over_is_told_without_a_stack(
    log_format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("INFO", log_format)
    failed(APIClientError(GONE, status=410, headers={}))  # type: ignore[arg-type] # a Status, in part
    shown = capsys.readouterr().err
    assert "too old resource version" in shown
    assert "Traceback" not in shown
    assert len(shown.splitlines()) == 1


def test_any_other_failure_is_told_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", LogFormat.TEXT)
    failed(LookupError("a defect"))
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_json_is_one_object_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", LogFormat.JSON)
    failed(LookupError("a defect"))
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["level"], said["message"]) == ("ERROR", "it failed: a defect")
    assert "Traceback" in said["exc_info"]
