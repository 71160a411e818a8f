"""What Project-W's runners ask: to register, to unregister, and whether there is work; there never is here.

The versions share their paths. A runner of 0.6 sends JSON when it registers, and its session when it reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from mintmaster.api.kinds import RUNNER_REGISTRATION
from mintmaster.gate.compat.fields import body_fields, query_fields, text
from mintmaster.gate.compat.projectw import answers
from mintmaster.gate.compat.projectw.people import bearer
from mintmaster.gate.compat.projectw.presence import is_of, may_be_session, new_session
from mintmaster.gate.compat.requesters import Rejection

if TYPE_CHECKING:
    from datetime import datetime

    from mintmaster.gate.compat.foundation import Foundation
    from mintmaster.gate.compat.projectw.presence import Presences
    from mintmaster.gate.messages import Answer, IssuerRequest
    from mintmaster.lifecycle.known import KnownResource

_JSON: Final = b"application/json"
_ALREADY: Final = "This runner is already registered as online!"
_NOT_ONLINE: Final = "This runner is not currently registered as online!"
_UNREGISTERED: Final = "Success"
_COMPROMISED: Final = (
    "The session token does not belong to this runner: its token may have been compromised"
)
_MOST_CHARACTERS: Final = {"name": 40, "version": 256, "git_hash": 40, "source_code_url": 2048}


class _Runner(NamedTuple):
    resource: KnownResource
    token: str

    @property
    def uid(self) -> str:
        return self.resource.uid


@dataclass(frozen=True, slots=True)
class Runners:
    """Answers runners."""

    foundation: Foundation
    presences: Presences

    async def register(self, request: IssuerRequest) -> Answer:
        """`POST /api/runners/register`."""
        if request.media_type != _JSON:
            return await self._register_of_old(request)
        runner = await self._runner_of_new(request)
        _check_description(body_fields(request))
        if self.presences.of(runner.uid, self._now) is not None:
            raise answers.detail(403, _ALREADY)
        session = new_session(runner.token)
        self.presences.heard(runner.uid, session, self._now)
        body = {"id": runner.resource.number, "session_token": session}
        return answers.answer(200, body)

    async def unregister(self, request: IssuerRequest) -> Answer:
        """`POST /api/runners/unregister`, answered in the words of the version that registered.

        Version 0.6 sends its session and is told of success whether the runner is online or not, as it may be at
        another gate; version 0.2 is told when the runner was not.
        """
        if text(query_fields(request), "session_token"):
            runner = await self._runner_of_new(request)
            self.presences.forget(runner.uid)
            return answers.answer(200, _UNREGISTERED)
        runner = await self._runner_of_old(request)
        presence = self.presences.of(runner.uid, self._now)
        if presence is None:
            raise answers.error(_NOT_ONLINE)
        self.presences.forget(runner.uid)
        said = _UNREGISTERED if presence.session else {"msg": "Runner successfully unregistered!"}
        return answers.answer(200, said)

    async def heartbeat(self, request: IssuerRequest) -> Answer:
        """`POST /api/runners/heartbeat`: the runner is there, and there is nothing to do."""
        session = text(query_fields(request), "session_token")
        if not session:
            return await self._heartbeat_of_old(request)
        await self._in_session(request, session)
        return answers.answer(200, {"abort": False, "job_assigned": False})

    async def no_job(self, request: IssuerRequest) -> Answer:
        """What runners of version 0.2 ask about jobs, which are none of ours."""
        await self._runner_of_old(request)
        raise answers.error("No job available!")

    async def no_job_of_session(self, request: IssuerRequest) -> Answer:
        """What runners of version 0.6 ask about their job."""
        await self._in_session(request, text(query_fields(request), "session_token"))
        raise answers.detail(400, "This runner has currently no job assigned")

    async def no_result_of_session(self, request: IssuerRequest) -> Answer:
        """What runners of version 0.6 bring when a job is done."""
        await self._in_session(request, text(query_fields(request), "session_token"))
        raise answers.detail(400, "This runner is currently not processing a job!")

    async def _in_session(self, request: IssuerRequest, session: str) -> None:
        """Note that a runner of version 0.6 was heard; 401 or 403 where it is none, or not in its session."""
        runner = await self._runner_of_new(request)
        if not session:
            raise answers.invalid("query", "session_token")
        presence = self.presences.of(runner.uid, self._now)
        known = may_be_session(runner.token, session)
        if not known or (presence is not None and not is_of(presence, session)):
            raise answers.detail(403, _COMPROMISED)
        self.presences.heard(runner.uid, session, self._now)

    async def _register_of_old(self, request: IssuerRequest) -> Answer:
        runner = await self._runner_of_old(request)
        if self.presences.of(runner.uid, self._now) is not None:
            raise answers.error("Runner is already registered!")
        self.presences.heard(runner.uid, "", self._now)
        body = {"msg": "Runner successfully registered!", "runnerID": runner.resource.number}
        return answers.answer(200, body)

    async def _heartbeat_of_old(self, request: IssuerRequest) -> Answer:
        runner = await self._runner_of_old(request)
        if self.presences.of(runner.uid, self._now) is None:
            raise answers.error(_NOT_ONLINE)
        self.presences.heard(runner.uid, "", self._now)
        return answers.answer(200, {"ack": True})

    async def _runner_of_old(self, request: IssuerRequest) -> _Runner:
        if not request.values(b"authorization"):
            raise answers.error("No Authorization header provided!")
        if not bearer(request):
            raise answers.error("Invalid Authorization header!")
        runner = await self._runner(request)
        if runner is None:
            raise answers.error(answers.NO_RUNNER)
        return runner

    async def _runner_of_new(self, request: IssuerRequest) -> _Runner:
        runner = await self._runner(request)
        if runner is None:
            raise answers.detail(401, answers.NO_RUNNER)
        return runner

    async def _runner(self, request: IssuerRequest) -> _Runner | None:
        """The runner that shows its token; None for everybody else."""
        token = bearer(request)
        found = await self.foundation.requesters.of(request.issuer, token)
        if isinstance(found, Rejection) or found.token.resource.kind != RUNNER_REGISTRATION.kind:
            return None
        return _Runner(found.token.resource, token)

    @property
    def _now(self) -> datetime:
        return self.foundation.clock.now()


def _check_description(found: dict[str, object]) -> None:
    """422 where a field of a runner of version 0.6 is not what it has to be."""
    for name, longest in _MOST_CHARACTERS.items():
        value = found.get(name)
        if not isinstance(value, str) or len(value) > longest:
            raise answers.invalid("body", name)
    priority = found.get("priority")
    if not isinstance(priority, int) or isinstance(priority, bool) or priority <= 0:
        raise answers.invalid("body", "priority")
