"""`POST /user/runners`: a runner is made, and its token is in the answer. The old way of registering is closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from mintmaster.api import durations
from mintmaster.api.runner_registration import AccessLevel, RunnerRegistrationSpec, RunnerType
from mintmaster.gate.compat.fields import idempotency_key
from mintmaster.gate.compat.gitlab import answers, runners
from mintmaster.gate.compat.gitlab.outcomes import told
from mintmaster.gate.compat.gitlab.parameters import parameters
from mintmaster.gate.compat.orders import Order
from mintmaster.lifecycle.grants import ALL

if TYPE_CHECKING:
    from mintmaster.gate.compat.creating import Creating
    from mintmaster.gate.compat.gitlab.access import Access
    from mintmaster.gate.compat.gitlab.parameters import Parameters
    from mintmaster.gate.compat.requesters import Requester
    from mintmaster.gate.messages import Answer, IssuerRequest

CREATE_RUNNER = "create_runner"

MOST_TAGS = 50
LEAST_TIMEOUT = 600
"""Seconds."""

_PLACES = {RunnerType.GROUP: "group", RunnerType.PROJECT: "project"}


@dataclass(frozen=True, slots=True)
class Registration:
    """Makes runners."""

    access: Access
    creating: Creating

    async def create(self, request: IssuerRequest) -> Answer:
        """`POST /user/runners`."""
        requester = await self.access.by_scope(request, CREATE_RUNNER)
        spec = _spec(parameters(request))
        _check_place(requester, spec)
        order = Order(
            issuer=request.issuer,
            requester=requester,
            spec=spec,
            prefix=runners.PREFIXES[spec.type],
            idempotency_key=idempotency_key(request),
        )
        with told("Runner"):
            made = await self.creating.create(order)
        body = {
            "id": made.resource.number,
            "token": made.value,
            "token_expires_at": runners.token_end(made.resource, made.record.ends_at),
        }
        return answers.answer(201, body)

    async def register(self, request: IssuerRequest) -> Answer:
        """`POST /runners`: registration tokens do not exist here."""
        found = parameters(request)
        found.required("token")
        found.check()
        raise answers.gone("runner registration disallowed")


def _spec(found: Parameters) -> RunnerRegistrationSpec:
    type_name = found.one_of("runner_type", runners.TYPES)
    if not found.has("runner_type"):
        found.problems += ["runner_type is missing", "runner_type does not have a valid value"]
        found.check()
    type_ = runners.TYPES.get(type_name, RunnerType.INSTANCE)
    place = _place(found, type_)
    spec = RunnerRegistrationSpec(
        type=type_,
        project=place if type_ is RunnerType.PROJECT else None,
        group=place if type_ is RunnerType.GROUP else None,
        description=found.text("description"),
        maintenance_note=found.text("maintenance_note"),
        tags=found.words("tag_list"),
        run_untagged=found.flag("run_untagged", True),
        locked=found.flag("locked", False),
        paused=found.flag("paused", False),
        access_level=access_level(found),
        maximum_timeout=timeout(found),
    )
    found.check()
    check(spec)
    return spec


def _place(found: Parameters, type_: RunnerType) -> str | None:
    name = _PLACES.get(type_)
    if name is None:
        return None
    found.required(f"{name}_id")
    number = found.number(f"{name}_id")
    found.check()
    if number is None or number < 1:
        raise answers.bad_request(f"Missing/invalid {name}")
    return str(number)


def access_level(found: Parameters) -> AccessLevel:
    """The parameter of that name; every ref by default."""
    name = found.one_of("access_level", runners.ACCESS_LEVELS)
    return runners.ACCESS_LEVELS.get(name, AccessLevel.NOT_PROTECTED)


def timeout(found: Parameters) -> str | None:
    """The parameter `maximum_timeout`, in seconds, as a duration; none for no limit."""
    wanted = found.number("maximum_timeout")
    if wanted is None:
        return None
    if not LEAST_TIMEOUT <= wanted <= _MOST_SECONDS:
        # Told later, by `check`, in other words than a malformed number.
        return "0s"
    return durations.format(timedelta(seconds=wanted))


_MOST_SECONDS = 99_999 * 3600


def check(spec: RunnerRegistrationSpec) -> None:
    """Refuse what GitLab's model of a runner does not take."""
    problems = []
    if not spec.run_untagged and not spec.tags:
        problems.append(
            "Tags list can not be empty when runner is not allowed to pick untagged jobs"
        )
    if len(spec.tags) > MOST_TAGS:
        problems.append(
            f"Tags list Too many tags specified. Please limit the number of tags to {MOST_TAGS}"
        )
    if spec.maximum_timeout == "0s":
        problems.append("Maximum timeout needs to be at least 10 minutes")
    if problems:
        raise answers.bad_request(" and ".join(problems))


def _check_place(requester: Requester, spec: RunnerRegistrationSpec) -> None:
    """Whether the asker may have runners there; the scope alone does not say so."""
    projects = requester.rights.projects
    if requester.is_administrator and spec.type is not RunnerType.PROJECT:
        return
    allowed = ALL in projects or (spec.project is not None and spec.project in projects)
    if spec.type is RunnerType.INSTANCE or not allowed:
        raise answers.forbidden("Insufficient permissions")
