"""Runners as GitLab shows them, and who may see which."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mintmaster.api import durations
from mintmaster.api.runner_registration import AccessLevel, RunnerType
from mintmaster.gate.compat.gitlab import contacts, users
from mintmaster.gate.compat.gitlab.pages import site_url
from mintmaster.lifecycle.grants import ALL
from mintmaster.lifecycle.identity import numeric_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mintmaster.api.runner_registration import RunnerRegistration
    from mintmaster.gate.compat.gitlab.contacts import Contact
    from mintmaster.gate.compat.requesters import Requester
    from mintmaster.gate.messages import IssuerRequest
    from mintmaster.lifecycle.known import KnownResource

KIND = "RunnerRegistration"

TYPES: Mapping[str, RunnerType] = {
    "instance_type": RunnerType.INSTANCE,
    "group_type": RunnerType.GROUP,
    "project_type": RunnerType.PROJECT,
}
ACCESS_LEVELS: Mapping[str, AccessLevel] = {
    "not_protected": AccessLevel.NOT_PROTECTED,
    "ref_protected": AccessLevel.REF_PROTECTED,
}
_TYPE_NAMES = {type_: name for name, type_ in TYPES.items()}
_ACCESS_LEVEL_NAMES = {level: name for name, level in ACCESS_LEVELS.items()}

PREFIXES: Mapping[RunnerType, str] = {
    RunnerType.INSTANCE: "glrt-t1_",
    RunnerType.GROUP: "glrt-t2_",
    RunnerType.PROJECT: "glrt-t3_",
}
"""What runners' tokens begin with; `gitlab-runner` looks for `glrt-`."""

_LONG = 19
"""Digits that a number of 64 bits may not have room for."""


def may_manage(requester: Requester, runner: KnownResource) -> bool:
    """Whether a token reaches a runner: by the projects that were recorded for it, or as an administrator's."""
    if requester.is_administrator:
        return True
    projects = requester.rights.projects
    if runner.runner_type == RunnerType.PROJECT:
        return runner.project in projects or ALL in projects
    return runner.runner_type == RunnerType.GROUP and ALL in projects


def token_end(runner: KnownResource, ends_at: float) -> str | None:
    """When the runner has to have another token; null where the operator sees to that, or where it never ends.

    A runner that is told a time rotates its token by itself.
    """
    if not runner.held_by_caller or ends_at == float("inf"):
        return None
    return timestamp(datetime.fromtimestamp(ends_at, UTC))


def timestamp(instant: datetime) -> str:
    """An instant as GitLab writes it, with milliseconds."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def brief(
    request: IssuerRequest, runner: RunnerRegistration, contact: Contact, now: datetime
) -> dict[str, object]:
    """A runner in a list."""
    spec, meta = runner.spec, runner.metadata
    status = contacts.status(contact.contacted_at, now)
    return {
        "id": numeric_id(meta.uid),
        "description": spec.description or None,
        "ip_address": None,
        "active": not spec.paused,
        "paused": spec.paused,
        "is_shared": spec.type is RunnerType.INSTANCE,
        "runner_type": _TYPE_NAMES[spec.type],
        "name": contact.latest.info.get("name") if contact.latest else None,
        "online": status == "online",
        "created_by": _creator(request, runner),
        "created_at": timestamp(meta.creation_timestamp) if meta.creation_timestamp else None,
        "status": status,
        "job_execution_status": "idle",
    }


def details(
    request: IssuerRequest, runner: RunnerRegistration, contact: Contact, now: datetime
) -> dict[str, object]:
    """A runner by itself; never with its token."""
    spec = runner.spec
    info = contact.latest.info if contact.latest else {}
    return brief(request, runner, contact, now) | {
        "tag_list": list(spec.tags),
        "run_untagged": spec.run_untagged,
        "locked": spec.locked,
        "maximum_timeout": seconds(spec.maximum_timeout),
        "access_level": _ACCESS_LEVEL_NAMES[spec.access_level],
        "version": info.get("version"),
        "revision": info.get("revision"),
        "platform": info.get("platform"),
        "architecture": info.get("architecture"),
        "contacted_at": timestamp(contact.contacted_at) if contact.contacted_at else None,
        "maintenance_note": spec.maintenance_note or None,
        "projects": [_place(request, spec.project)] if spec.project else [],
        "groups": [_place(request, spec.group)] if spec.group else [],
    }


def seconds(duration: str | None) -> int | None:
    """A duration in whole seconds."""
    return int(durations.parse(duration).total_seconds()) if duration else None


def _creator(request: IssuerRequest, runner: RunnerRegistration) -> dict[str, object] | None:
    asker = runner.spec.requested_by
    return users.brief(request, asker.subject) if asker is not None else None


def _place(request: IssuerRequest, name: str) -> dict[str, object]:
    """A project or group. Nothing is known of it but what it is called, mostly by a number."""
    return {
        "id": int(name) if name.isascii() and name.isdecimal() and len(name) < _LONG else name,
        "name": name,
        "web_url": f"{site_url(request)}/{name}",
    }
