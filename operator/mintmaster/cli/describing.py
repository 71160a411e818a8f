"""What `show` says of one resource: its fields in the words of the documentation, most important first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mintmaster.api.client_application import ClientApplication
from mintmaster.api.reasons import ConditionType
from mintmaster.api.runner_registration import RunnerRegistrationSpec
from mintmaster.api.token_spec import Delivery
from mintmaster.api.user_access_token import UserAccessTokenSpec
from mintmaster.cli.printing import moment
from mintmaster.lifecycle import ownership
from mintmaster.lifecycle.conditions import find

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.meta import Condition
    from mintmaster.api.rights import Rights
    from mintmaster.api.status import TokenRecord
    from mintmaster.api.token_issuer import TokenIssuer

Fields = list[tuple[str, str]]


def of_token_resource(kind: str, resource: TokenResource, now: datetime) -> Fields:
    """The fields of a resource that a token is issued for."""
    meta, spec, status = resource.metadata, resource.spec, resource.status
    rights = status.tokens[0].rights if status.tokens else None
    in_secret = spec.delivery == Delivery.SECRET
    secret = ownership.secret_name(resource) + ("" if status.secret_ref else " (not there)")
    return [
        (kind, meta.name),
        ("Namespace", meta.namespace),
        ("State", status.state or "not seen by the operator yet"),
        *_conditions(status.conditions),
        *_particulars(resource),
        ("Issuer", spec.issuer_ref.name),
        *(_rights(rights) if rights else ()),
        ("Secret", secret if in_secret else ""),
        ("Delivery", "" if in_secret else "Caller: only the caller holds the token"),
        ("Issued", moment(status.issued_at, now)),
        ("Renewal", moment(status.renew_at, now)),
        ("Expires", moment(status.expires_at, now)),
        ("Tokens", "\n".join(_token(record, now) for record in status.tokens)),
        ("UID", meta.uid),
        ("Id", str(status.id or "")),
    ]


def of_issuer(issuer: TokenIssuer, now: datetime) -> Fields:
    """The fields of an issuer."""
    spec = issuer.spec
    limits = spec.limits
    return [
        ("TokenIssuer", issuer.metadata.name),
        ("URL", spec.url),
        ("Signer", spec.signer),
        *_conditions(issuer.status.conditions),
        ("Audiences", _listed(spec.audiences)),
        ("Algorithm", spec.signing.algorithm),
        ("Lifetime", f"{limits.default_lifetime} by default, {limits.max_lifetime} at most"),
        ("Scopes", _listed(scope.name for scope in spec.scopes)),
        ("Roles", _listed(role.name for role in spec.roles)),
        ("Grants", f"{len(spec.grants)} (mintmaster issuer show {issuer.metadata.name} -o yaml)"),
        ("Not before", moment(spec.not_before, now)),
        ("Denied", _listed(spec.denied_subjects)),
        ("Keys", "\n".join(f"{key.state} {key.id}" for key in issuer.status.keys)),
    ]


def key_rows(issuer: TokenIssuer, now: datetime) -> Iterator[tuple[str, str, str, str, str]]:
    """The keys of an issuer: id, algorithm, state, when it began to sign, when it ends."""
    for key in issuer.status.keys:
        begins, ends = moment(key.not_before, now), moment(key.retire_at, now)
        yield key.id, key.algorithm, key.state, begins or "-", ends or "-"


def _conditions(conditions: Iterable[Condition]) -> Iterator[tuple[str, str]]:
    """Ready in a sentence, and whatever else holds."""
    ready = find(conditions, ConditionType.READY)
    if ready is not None:
        yield "Ready", f"{ready.status} ({ready.reason}): {ready.message}"
    for condition in conditions:
        if condition.type not in {ConditionType.READY, ConditionType.STALLED}:
            text = f"{condition.status} ({condition.reason}): {condition.message}"
            yield condition.type, text


def _particulars(resource: TokenResource) -> Iterator[tuple[str, str]]:
    spec = resource.spec
    if isinstance(spec, RunnerRegistrationSpec):
        yield "Type", spec.type
        yield "Project", spec.project or ""
        yield "Group", spec.group or ""
        yield "Tags", _listed(spec.tags)
    elif isinstance(spec, UserAccessTokenSpec):
        yield "User", " ".join(part for part in (spec.user.email, spec.user.username) if part)
    elif isinstance(resource, ClientApplication):
        yield "Client id", resource.client_id
        yield "Enabled", "" if resource.spec.enabled else "no: gates refuse it"
        yield "Access tokens", _lifetime(resource.spec.access_token_lifetime)
    yield "Description", spec.description


def _lifetime(said: str | None) -> str:
    return f"live {said}" if said else ""


def _rights(rights: Rights) -> Iterator[tuple[str, str]]:
    yield "Subject", rights.subject
    yield "Audiences", _listed(rights.audiences)
    yield "Scopes", _listed(rights.scopes)
    yield "Roles", _listed(rights.roles)
    yield "Projects", _listed(rights.projects)


def _token(record: TokenRecord, now: datetime) -> str:
    ends = moment(record.valid_until or record.expires_at, now) or "never"
    key = f", key {record.key_id}" if record.key_id else ", opaque"
    return f"revision {record.revision}, ends {ends}{key}"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(values)
