"""Logs: JSON for machines by default, text for people who ask; never a token, since none is ever passed in."""

from __future__ import annotations

import logging
import sys
from enum import StrEnum

from pythonjsonlogger.json import JsonFormatter


class LogFormat(StrEnum):
    """How log lines look."""

    JSON = "json"
    TEXT = "text"


QUIET = ("kopf", "aiohttp", "asyncio")
"""Libraries whose chatter below WARNING says nothing about tokens."""


ANSWERS = "kopf._cogs.clients."
"""Where the exceptions of kopf are made that stand for an answer of the API server."""


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
    handler.addFilter(_without_trace_of_an_answer)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _without_trace_of_an_answer(record: logging.LogRecord) -> bool:
    """Let every record pass, but without the stack where kopf ended itself over an answer such as 410.

    The message names the answer, the pump starts kopf again, and a stack would look like a defect.
    """
    exception = record.exc_info[1] if record.exc_info else None
    if exception is not None and type(exception).__module__.startswith(ANSWERS):
        record.exc_info = record.exc_text = None
    return True
