"""Comparing resourceVersions (Kubernetes: API concepts, "Resource versions")."""

from __future__ import annotations

__all__ = ["is_older"]


def is_older(version: str, than: str) -> bool:
    """Tell whether one resourceVersion is older than another.

    Since 1.35 Kubernetes promises that they are comparable decimal numbers. Earlier versions call them opaque, but
    those of etcd are numbers too; what is no number is not older.
    """
    if not (version.isdecimal() and than.isdecimal()):
        return False
    return int(version) < int(than)
