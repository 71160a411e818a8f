"""What can be done with any resource that a token is issued for: create, rotate, decide, revoke, delete."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mintmaster.api import names
from mintmaster.api.reasons import ConditionType, Reason
from mintmaster.api.token_spec import Delivery
from mintmaster.cli.exits import Exit, Failure
from mintmaster.lifecycle import ownership, rfc3339
from mintmaster.lifecycle.conditions import find
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest

if TYPE_CHECKING:
    from datetime import timedelta

    from mintmaster.api.kinds import ResourceKind, TokenResource
    from mintmaster.cli.session import Item, Object, Session

    TokenKind = ResourceKind[TokenResource]
    TokenItem = Item[TokenResource]


APPLICATION: Final = "ClientApplication"
"""The kind whose token is a client secret."""


@dataclass(frozen=True, slots=True)
class HandedOut:
    """A token that its caller gets once, and the resource by which it is active."""

    item: TokenItem
    token: str = field(repr=False)


def is_ready(resource: TokenResource) -> bool:
    """Whether the token is there as the present spec asks for it."""
    ready = find(resource.status.conditions, ConditionType.READY)
    return (
        ready is not None
        and ready.status == "True"
        and ready.observed_generation == resource.metadata.generation
    )


def ready_or_stalled(resource: TokenResource) -> bool:
    """As `is_ready`; Failure where nothing more will happen until somebody changes something."""
    stalled = find(resource.status.conditions, ConditionType.STALLED)
    if stalled is not None and stalled.observed_generation == resource.metadata.generation:
        raise Failure(
            f"{resource.metadata.name!r} gets no token: {stalled.reason}: {stalled.message}",
            Exit.NOT_READY,
        )
    return is_ready(resource)


def has_been_seen(resource: TokenResource) -> bool:
    """Whether the operator has acted on the present spec."""
    return resource.status.observed_generation == resource.metadata.generation


async def wait_ready(session: Session, item: TokenItem, patience: timedelta) -> TokenItem:
    """Wait until the token is there; ends early where it cannot come."""
    return await session.until(
        item.kind, item.name, ready_or_stalled, what=f"{item.label} is ready", patience=patience
    )


async def create_for_caller(
    session: Session, kind: TokenKind, body: Object, patience: timedelta
) -> HandedOut:
    """Make a token here, create the resource that makes it active, and return it once it is (design: Delivery)."""
    prefix = token_part(kind, body["spec"]).get("prefix", "")
    token = _made(kind, prefix)
    token_part(kind, body["spec"])["valueDigest"] = digest(token)
    created = await session.create(kind, body)
    return await _activated(session, created, token, previous=None, patience=patience)


async def rotate_for_caller(session: Session, item: TokenItem, patience: timedelta) -> HandedOut:
    """Put another token in the place of the one that its caller holds, and return it once it is active."""
    token = _made(item.kind, item.resource.spec.token.prefix)
    previous = item.resource.spec.token.value_digest
    patched = await session.patch(item.kind, item.name, _with_digest(item.kind, digest(token)))
    return await _activated(session, patched, token, previous=previous, patience=patience)


async def ask_for_rotation(
    session: Session, item: TokenItem, patience: timedelta | None
) -> TokenItem:
    """Ask the operator for another token in the Secret; with patience, wait until it is there."""
    wish = f"{rfc3339.format(session.clock.now())}-{secrets.token_hex(4)}"
    annotated = {"metadata": {"annotations": {names.ANNOTATION_ROTATE: wish}}}
    asked = await session.patch(item.kind, item.name, annotated)
    if patience is None:
        return asked

    def is_done(resource: TokenResource) -> bool:
        return ready_or_stalled(resource) and resource.status.last_rotate_request == wish

    what = f"{item.label} is rotated"
    return await session.until(item.kind, item.name, is_done, what=what, patience=patience)


async def revoke(session: Session, item: TokenItem, patience: timedelta | None) -> TokenItem:
    """Make every token of a resource inactive, for good."""
    # By merge patch: whoever created the resource owns the defaulted field, and an apply would conflict.
    revoked = await session.patch(item.kind, item.name, {"spec": {"revoked": True}})
    if patience is None:
        return revoked

    def is_done(resource: TokenResource) -> bool:
        condition = find(resource.status.conditions, ConditionType.REVOKED)
        return condition is not None and condition.status == "True"

    what = f"{item.label} is revoked"
    return await session.until(item.kind, item.name, is_done, what=what, patience=patience)


async def decide(session: Session, item: TokenItem, *, approved: bool, message: str) -> None:
    """Approve or deny the rights that were read, by the condition Approved of just that generation."""
    meta = item.resource.metadata
    condition = {
        "type": ConditionType.APPROVED,
        "status": str(approved),
        "reason": "Approved" if approved else Reason.DENIED.value,
        "message": message,
        "lastTransitionTime": rfc3339.format(session.clock.now()),
        "observedGeneration": meta.generation,
    }
    body = {
        "apiVersion": names.API_VERSION,
        "kind": item.kind.kind,
        "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
        "status": {"conditions": [condition]},
    }
    # Applied, since a merge patch would take the other conditions away.
    await session.apply(session.path(item.kind, item.name, "status"), body, force=True)


async def token_of(session: Session, item: TokenItem) -> str:
    """The present token, read from the Secret that it was delivered in."""
    resource = item.resource
    if resource.spec.delivery == Delivery.CALLER:
        raise Failure(f"only its caller has the token of {item.label}; rotate hands out another")
    name, key = ownership.secret_name(resource), resource.spec.secret.token_key
    reading = await session.secrets.read(resource.metadata.namespace, name)
    if reading is None or key not in reading.data:
        raise Failure(
            f"there is no key {key!r} in a Secret {name!r}: see the status of {item.label}",
            Exit.NOT_FOUND,
        )
    return reading.data[key].decode(errors="replace")


def token_part(kind: TokenKind, spec: Object) -> Object:
    """The part of a spec that is about the token; made where it is missing."""
    part: Object = spec.setdefault("clientSecret" if kind.kind == APPLICATION else "token", {})
    return part


async def _activated(
    session: Session, item: TokenItem, token: str, *, previous: str | None, patience: timedelta
) -> HandedOut:
    """Wait until the status names the token: before, nobody would accept it (I3).

    One that does not become active is taken back: it must not do so later, when nobody holds it.
    """
    wanted = digest(token)

    def is_active(resource: TokenResource) -> bool:
        return ready_or_stalled(resource) and any(
            record.digest == wanted for record in resource.status.tokens
        )

    what = f"the token of {item.label} is active"
    try:
        found = await session.until(item.kind, item.name, is_active, what=what, patience=patience)
    except BaseException:
        await session.patch(item.kind, item.name, _with_digest(item.kind, previous))
        raise
    return HandedOut(found, token)


def _with_digest(kind: TokenKind, value: str | None) -> Object:
    patch: Object = {"spec": {}}
    token_part(kind, patch["spec"])["valueDigest"] = value
    return patch


def _made(kind: TokenKind, prefix: str) -> str:
    try:
        return opaque.mint(names.CLIENT_SECRET_PREFIX if kind.kind == APPLICATION else prefix)
    except ValueError as error:
        raise Failure(f"--prefix: {error}", Exit.USAGE) from error
