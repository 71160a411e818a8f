"""What anybody with a token asks first: who am I, and whom do I talk to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mintmaster import __version__
from mintmaster.gate.compat.gitlab import answers, users

if TYPE_CHECKING:
    from mintmaster.gate.compat.gitlab.access import Access
    from mintmaster.gate.messages import Answer, IssuerRequest

READ_USER = "read_user"

EMULATED = "17.0.0"
"""The version of GitLab whose answers these are; clients look whether it is new enough for `glrt-` tokens."""


@dataclass(frozen=True, slots=True)
class Oneself:
    """Answers about whoever asks."""

    access: Access

    async def user(self, request: IssuerRequest) -> Answer:
        """`GET /user`."""
        requester = await self.access.by_scope(request, READ_USER)
        return answers.answer(200, users.current(request, requester))

    async def version(self, request: IssuerRequest) -> Answer:
        """`GET /version`."""
        await self.access.by_scope(request, READ_USER)
        body = {"version": f"{EMULATED}-mintmaster.{__version__}", "revision": __version__}
        return answers.answer(200, body)
