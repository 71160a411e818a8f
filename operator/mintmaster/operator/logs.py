"""Logs: JSON for machines by default, text for people who ask; never a token, since none is ever passed in."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from enum import StrEnum
from pathlib import Path

from pythonjsonlogger.json import JsonFormatter


class LogFormat(StrEnum):
    """How log lines look."""

    JSON = "json"
    TEXT = "text"


QUIET = ("kopf", "aiohttp", "asyncio")
"""Libraries whose chatter below WARNING says nothing about tokens."""


ENDS_OF_KOPF = frozenset(
    {"kopf._core.reactor.orchestration", "kopf._core.reactor.running", "asyncio"}
)
"""Loggers that tell of a task of kopf that has failed, which ends kopf, and of what it leaves behind then."""

_OURS = f"{Path(__file__).parents[1]}{os.sep}"
_KOPF = f"{os.sep}kopf{os.sep}_c"
"""In the names of files: below the package, `_cogs` and `_core`. A gate logs, too, and has no need of kopf itself."""


def configure(level: str, log_format: LogFormat) -> None:
    """Send all logs to standard error in that form. Raises ValueError for an unknown level."""
    handler = logging.StreamHandler(sys.stderr)
    if log_format is LogFormat.JSON:
        handler.setFormatter(
            JsonFormatter(
                "%(asctime)s %(levelname)s %(name)s %(message)s",
                rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            )
        )
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    handler.addFilter(_without_stack_of_kopf)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _without_stack_of_kopf(record: logging.LogRecord) -> bool:
    """Let every record pass, but without the stack where it only tells how kopf ended.

    It ends itself over some answers, such as 410, and its other tasks fail over the session that it closes under them.
    The message names the cause, and the pump starts kopf again; three stacks would look like a defect. Stacks that end
    in code of ours stay, and with the level DEBUG all do.
    """
    exception = record.exc_info[1] if record.exc_info else None
    if exception is None or record.name not in ENDS_OF_KOPF or _wants_all():
        return True
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(exception.__traceback__)]
    if any(_KOPF in file for file in files) and not files[-1].startswith(_OURS):
        record.exc_info = record.exc_text = None
    return True


def _wants_all() -> bool:
    return logging.getLogger().isEnabledFor(logging.DEBUG)
