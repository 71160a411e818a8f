"""Runners as their maintainers see them: lists, details, changes, other tokens, deletion."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mintmaster.api.runner_registration import RunnerRegistration
from mintmaster.gate.compat.gitlab import answers, registration, runners
from mintmaster.gate.compat.gitlab.contacts import status
from mintmaster.gate.compat.gitlab.outcomes import told
from mintmaster.gate.compat.gitlab.pages import page
from mintmaster.gate.compat.gitlab.parameters import parameters
from mintmaster.gate.compat.gitlab.runner_tokens import remove, with_another_token
from mintmaster.lifecycle.merge_patch import difference

if TYPE_CHECKING:
    from collections.abc import Callable

    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.runner_registration import RunnerRegistrationSpec
    from mintmaster.gate.compat.foundation import Foundation
    from mintmaster.gate.compat.gitlab.access import Access
    from mintmaster.gate.compat.gitlab.contacts import Contacts
    from mintmaster.gate.compat.gitlab.parameters import Parameters
    from mintmaster.gate.compat.requesters import Requester
    from mintmaster.gate.messages import Answer, IssuerRequest
    from mintmaster.lifecycle.known import KnownResource

MANAGE_RUNNER = "manage_runner"

_CHANGEABLE = (
    "description",
    "active",
    "paused",
    "tag_list",
    "run_untagged",
    "locked",
    "access_level",
    "maximum_timeout",
    "maintenance_note",
)
_STATUSES = ("active", "paused", "online", "offline", "never_contacted", "stale")
_NO_ACCESS = "No access granted"


@dataclass(frozen=True, slots=True)
class RunnerManagement:
    """Answers those who look after runners."""

    access: Access
    foundation: Foundation
    contacts: Contacts

    async def list_own(self, request: IssuerRequest) -> Answer:
        """`GET /runners`: those of the projects that the token is for."""
        requester = await self.access.by_scope(request)
        return await self._list(request, requester, lambda _: True)

    async def list_all(self, request: IssuerRequest) -> Answer:
        """`GET /runners/all`, for administrators."""
        requester = await self.access.by_scope(request)
        if not requester.is_administrator:
            raise answers.forbidden()
        return await self._list(request, requester, lambda _: True)

    async def list_of_project(self, request: IssuerRequest, project: str) -> Answer:
        """`GET /projects/:id/runners`."""
        requester = await self.access.by_scope(request)
        return await self._list(request, requester, lambda it: it.project == project)

    async def list_of_group(self, request: IssuerRequest, group: str) -> Answer:
        """`GET /groups/:id/runners`."""
        requester = await self.access.by_scope(request)
        return await self._list(request, requester, lambda it: it.group == group)

    async def assign(self, request: IssuerRequest, project: str) -> Answer:
        """`POST /projects/:id/runners`: a runner has the project that it was made for, and no other."""
        requester = await self.access.by_scope(request)
        found = parameters(request)
        found.required("runner_id")
        number = found.number("runner_id")
        found.check()
        runner = self._reached(request, requester, number or 0)
        if runner.project == project:
            raise answers.bad_request("Runner has already been taken")
        raise answers.forbidden("Runner is locked")

    async def unassign(self, request: IssuerRequest, project: str, number: str) -> Answer:
        """`DELETE /projects/:id/runners/:runner_id`."""
        requester = await self.access.by_scope(request)
        runner = self._reached(request, requester, _id(number))
        if runner.project != project:
            raise answers.not_found("Runner")
        why = "Only one project associated with the runner. Please remove the runner instead"
        raise answers.forbidden(why)

    async def show(self, request: IssuerRequest, number: str) -> Answer:
        """`GET /runners/:id`."""
        _, runner = await self._managed(request, number)
        with told("Runner"):
            present = await self.foundation.resources.read(runner)
        return answers.answer(200, self._details(request, present))

    async def managers(self, request: IssuerRequest, number: str) -> Answer:
        """`GET /runners/:id/managers`: those that this gate has seen."""
        _, runner = await self._managed(request, number)
        now = self.foundation.clock.now()
        seen = [
            {
                "id": manager.number,
                "system_id": system_id,
                "version": manager.info.get("version"),
                "revision": manager.info.get("revision"),
                "platform": manager.info.get("platform"),
                "architecture": manager.info.get("architecture"),
                "created_at": runners.timestamp(manager.created_at),
                "contacted_at": runners.timestamp(manager.contacted_at)
                if manager.contacted_at
                else None,
                "ip_address": None,
                "status": status(manager.contacted_at, now),
                "job_execution_status": "idle",
            }
            for system_id, manager in self.contacts.of(runner.uid).managers.items()
        ]
        return answers.answer(200, seen)

    async def jobs(self, request: IssuerRequest, number: str) -> Answer:
        """`GET /runners/:id/jobs`: there are none."""
        await self._managed(request, number)
        wanted = page(parameters(request))
        return answers.answer(200, [], *wanted.headers(request, 0))

    async def update(self, request: IssuerRequest, number: str) -> Answer:
        """`PUT /runners/:id`."""
        _, runner = await self._managed(request, number)
        found = parameters(request)
        if not any(name in found.given for name in _CHANGEABLE):
            named = ", ".join(_CHANGEABLE)
            raise answers.invalid_parameters(
                f"{named} are missing", "at least one parameter must be provided"
            )
        if runner.namespace != request.issuer.view.spec.api_namespace:
            raise answers.forbidden("The runner was not made over HTTP: change it where it was")
        with told("Runner"):
            changed = await self.foundation.resources.change(
                runner, lambda present: _patch(present, found)
            )
        return answers.answer(200, self._details(request, changed))

    async def reset(self, request: IssuerRequest, number: str) -> Answer:
        """`POST /runners/:id/reset_authentication_token`."""
        requester, runner = await self._managed(request, number)
        return await with_another_token(self.foundation, runner, requester)

    async def delete(self, request: IssuerRequest, number: str) -> Answer:
        """`DELETE /runners/:id`."""
        _, runner = await self._managed(request, number)
        _check_unmodified(request, runner)
        with told("Runner"):
            await remove(self.foundation, runner, request)
        return answers.NO_CONTENT

    async def _managed(
        self, request: IssuerRequest, number: str
    ) -> tuple[Requester, KnownResource]:
        """The runner of that number, which the asker's token reaches."""
        requester = await self.access.by_scope(request, MANAGE_RUNNER)
        return requester, self._reached(request, requester, _id(number))

    def _reached(self, request: IssuerRequest, requester: Requester, number: int) -> KnownResource:
        """The runner of that number. Refused with 404 where there is none, with 403 out of reach."""
        runner = self.foundation.knowledge.numbered(runners.KIND, number)
        if runner is None or runner.issuer != request.issuer.name or _is_over(runner):
            raise answers.not_found("Runner")
        if not runners.may_manage(requester, runner):
            raise answers.forbidden(_NO_ACCESS)
        return runner

    async def _list(
        self,
        request: IssuerRequest,
        requester: Requester,
        belongs: Callable[[KnownResource], bool],
    ) -> Answer:
        found = parameters(request)
        wanted, fits = page(found), self._filter(found)
        found.check()
        everything = self.foundation.knowledge.all_of(runners.KIND, request.issuer.name)
        listed = sorted(
            (
                it
                for it in everything
                if belongs(it)
                and not _is_over(it)
                and runners.may_manage(requester, it)
                and fits(it)
            ),
            key=lambda it: it.seniority,
            reverse=True,
        )
        with told("Runner"):
            present = await self.foundation.resources.read_all(wanted.of(listed))
        now = self.foundation.clock.now()
        shown = [
            runners.brief(request, it, self.contacts.of(it.metadata.uid), now)
            for it in present
            if isinstance(it, RunnerRegistration)
        ]
        return answers.answer(200, shown, *wanted.headers(request, len(listed)))

    def _filter(self, found: Parameters) -> Callable[[KnownResource], bool]:
        type_name = found.one_of("type", runners.TYPES)
        state = found.one_of("status", _STATUSES) or found.one_of("scope", _STATUSES)
        tags = set(found.words("tag_list"))
        paused = found.flag("paused", False) if found.has("paused") else None
        version = found.text("version_prefix")
        now = self.foundation.clock.now()

        def fits(runner: KnownResource) -> bool:
            return (
                (not type_name or runners.TYPES[type_name] == runner.runner_type)
                and (paused is None or paused == runner.paused)
                and tags <= set(runner.tags)
                and (not state or state in self._states(runner, now))
                and (not version or self._version(runner).startswith(version))
            )

        return fits

    def _states(self, runner: KnownResource, now: datetime) -> tuple[str, ...]:
        contacted_at = self.contacts.of(runner.uid).contacted_at
        return status(contacted_at, now), "paused" if runner.paused else "active"

    def _version(self, runner: KnownResource) -> str:
        """The version of the machine that called last, as far as this gate has heard."""
        latest = self.contacts.of(runner.uid).latest
        return latest.info.get("version", "") if latest is not None else ""

    def _details(self, request: IssuerRequest, runner: TokenResource) -> dict[str, object]:
        assert isinstance(runner, RunnerRegistration)  # noqa: S101 - only those are numbered so
        now = self.foundation.clock.now()
        return runners.details(request, runner, self.contacts.of(runner.metadata.uid), now)


def _id(number: str) -> int:
    if not (number.isascii() and number.isdecimal() and len(number) < 20):
        raise answers.invalid_parameters("id is invalid")
    return int(number)


def _is_over(runner: KnownResource) -> bool:
    """GitLab knows no runners that have been revoked: they are gone."""
    return runner.revoked or runner.deleted


def _patch(present: TokenResource, found: Parameters) -> dict[str, object]:
    assert isinstance(present, RunnerRegistration)  # noqa: S101 - only those are numbered so
    changed = _changed(present.spec, found)
    found.check()
    registration.check(changed)
    return {"spec": difference(present.spec, changed)}


def _changed(spec: RunnerRegistrationSpec, found: Parameters) -> RunnerRegistrationSpec:
    paused = not found.flag("active", not spec.paused)
    changed = replace(
        spec,
        paused=found.flag("paused", paused),
        run_untagged=found.flag("run_untagged", spec.run_untagged),
        locked=found.flag("locked", spec.locked),
    )
    readers: dict[str, tuple[str, Callable[[], object]]] = {
        "description": ("description", lambda: found.text("description")),
        "maintenance_note": ("maintenance_note", lambda: found.text("maintenance_note")),
        "tag_list": ("tags", lambda: found.words("tag_list")),
        "access_level": ("access_level", lambda: registration.access_level(found)),
        "maximum_timeout": ("maximum_timeout", lambda: registration.timeout(found)),
    }
    fields = {name: read() for given, (name, read) in readers.items() if given in found.given}
    return replace(changed, **fields)


def _check_unmodified(request: IssuerRequest, runner: KnownResource) -> None:
    """Heed `If-Unmodified-Since`, as far as it is known when a runner was made or got another token."""
    values = request.values(b"if-unmodified-since")
    if len(values) != 1:
        return
    try:
        since = parsedate_to_datetime(values[0].decode("latin-1")).astimezone(UTC)
    except (ValueError, OverflowError):
        return
    issued = [datetime.fromtimestamp(token.issued_at, UTC) for token in runner.tokens]
    if any(instant > since for instant in issued):
        raise answers.precondition_failed()
