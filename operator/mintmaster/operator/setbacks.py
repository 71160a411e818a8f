"""Why a reconciliation does not come to its end, when it is not the API server that is away.

Overtaken    what was decided on has changed meanwhile; look again at once
Refused      the API server will not take a write as things stand; becomes a condition
Retry        the same, after the condition was written; look again later
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mintmaster.api.reasons import Reason
from mintmaster.lifecycle.issuer_view import Obstacle

if TYPE_CHECKING:
    from mintmaster.kube.errors import Forbidden, Invalid


class Overtaken(Exception):
    """What was decided on has changed meanwhile: decide again. Nothing became active."""


class Refused(Exception):
    """A token can't be delivered as things stand (quota, admission, a terminating namespace, its size)."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(obstacle.message)
        self.obstacle = obstacle


class Retry(Exception):
    """Something could not be done now; the queue tries again, ever more slowly."""


def refusal(what: str, error: Forbidden | Invalid) -> Obstacle:
    """What a refused write means for the resource."""
    message = f"The API server refused to write {what}: {error.message}"
    return Obstacle(Reason.WRITE_FAILED, message)
