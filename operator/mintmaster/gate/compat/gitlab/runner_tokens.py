"""What runners ask with their own token, which stands in the body: is it good, are there jobs, another token please.

A token that is not good gets 403, never 401: `gitlab-runner` removes a runner on the one, and tries on with the other.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mintmaster.api.runner_registration import RunnerType
from mintmaster.gate.compat.gitlab import answers, runners
from mintmaster.gate.compat.gitlab.outcomes import told
from mintmaster.gate.compat.gitlab.parameters import parameters
from mintmaster.gate.compat.requesters import Requester
from mintmaster.tokens import opaque

if TYPE_CHECKING:
    from mintmaster.gate.compat.foundation import Foundation
    from mintmaster.gate.compat.gitlab.contacts import Contacts
    from mintmaster.gate.compat.gitlab.parameters import Parameters
    from mintmaster.gate.messages import Answer, IssuerRequest
    from mintmaster.lifecycle.known import KnownResource

_NO_SYSTEM_ID = "<legacy>"
"""What GitLab calls machines that give no name."""

_IN_A_SECRET = "The token is in a Secret and renewed there"  # noqa: S105 - a sentence


@dataclass(frozen=True, slots=True)
class RunnerTokens:
    """Answers runners."""

    foundation: Foundation
    contacts: Contacts

    async def verify(self, request: IssuerRequest) -> Answer:
        """`POST /runners/verify`."""
        found = parameters(request)
        runner = await self._runner(request, found)
        self._note(runner, found, asked_for_jobs=False)
        token = runner.token
        body = {
            "id": token.resource.number,
            "token": found.given["token"],
            "token_expires_at": runners.token_end(token.resource, token.record.ends_at),
        }
        return answers.answer(200, body)

    async def unregister(self, request: IssuerRequest) -> Answer:
        """`DELETE /runners`."""
        runner = await self._runner(request, parameters(request))
        with told("Runner"):
            await remove(self.foundation, runner.token.resource, request)
        return answers.NO_CONTENT

    async def unregister_manager(self, request: IssuerRequest) -> Answer:
        """`DELETE /runners/managers`: one machine goes, the runner and its token stay."""
        found = parameters(request)
        found.required("token", "system_id")
        system_id = found.text("system_id")
        found.check()
        runner = await self._runner(request, found)
        if not self.contacts.forget(runner.uid, system_id):
            raise answers.not_found("Runner manager not found")
        return answers.NO_CONTENT

    async def reset(self, request: IssuerRequest) -> Answer:
        """`POST /runners/reset_authentication_token`."""
        runner = await self._runner(request, parameters(request))
        return await with_another_token(self.foundation, runner.token.resource, runner)

    async def request_job(self, request: IssuerRequest) -> Answer:
        """`POST /jobs/request`: there are never any."""
        found = parameters(request)
        runner = await self._runner(request, found)
        self._note(runner, found, asked_for_jobs=True)
        queue = hashlib.sha256(runner.uid.encode()).hexdigest()[:32]
        return answers.NO_CONTENT._replace(headers=((b"x-gitlab-last-update", queue.encode()),))

    async def discover_router(self, _: IssuerRequest) -> Answer:
        """`GET /runners/router/discovery`: there is no router of jobs."""
        return answers.answer(501, {"message": "501 Not Implemented"})

    async def _runner(self, request: IssuerRequest, found: Parameters) -> Requester:
        """The runner whose token stands in the body."""
        found.required("token")
        found.check()
        token = found.given["token"]
        if not isinstance(token, str):
            raise answers.forbidden()
        runner = await self.foundation.requesters.of(request.issuer, token)
        if not isinstance(runner, Requester) or runner.token.resource.kind != runners.KIND:
            raise answers.forbidden()
        return runner

    def _note(self, runner: Requester, found: Parameters, *, asked_for_jobs: bool) -> None:
        system_id = found.given.get("system_id")
        named = system_id[:128] if isinstance(system_id, str) and system_id else _NO_SYSTEM_ID
        now = self.foundation.clock.now()
        info = found.given.get("info")
        self.contacts.saw(runner.uid, named, info, now, asked_for_jobs=asked_for_jobs)


async def with_another_token(
    foundation: Foundation, runner: KnownResource, requester: Requester
) -> Answer:
    """Give a runner another token; its former one ends at once."""
    if not runner.held_by_caller:
        raise answers.forbidden(_IN_A_SECRET)
    value = opaque.mint(runners.PREFIXES[RunnerType(runner.runner_type)])
    with told("Runner"):
        made = await foundation.creating.replace(runner, requester, value)
    end = runners.token_end(made.resource, made.record.ends_at)
    return answers.answer(201, {"token": made.value, "token_expires_at": end})


async def remove(foundation: Foundation, runner: KnownResource, request: IssuerRequest) -> None:
    """Take a runner away. One that was not made over HTTP is revoked: whoever applied it would apply it again."""
    if runner.namespace == request.issuer.view.spec.api_namespace:
        await foundation.resources.delete(runner)
    else:
        await foundation.resources.revoke(runner)
