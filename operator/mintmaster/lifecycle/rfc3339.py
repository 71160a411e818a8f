"""Instants as Kubernetes writes them (`metav1.Time`): RFC 3339, UTC, whole seconds."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def format(instant: datetime) -> str:  # noqa: A001 - read as rfc3339.format
    """Write an instant, e.g. `2026-01-31T12:00:00Z`; fractions of a second are cut off."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def whole_seconds(instant: datetime) -> datetime:
    """Cut off what a status can't record, so that a time compares equal after it was written and read."""
    return instant.replace(microsecond=0)
