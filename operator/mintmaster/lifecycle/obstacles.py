"""Why no token can be issued for a resource as things stand: a chain of pure checks, the first finding wins."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mintmaster.api import names
from mintmaster.api.reasons import Reason
from mintmaster.api.token_issuer import Signer
from mintmaster.api.token_spec import Delivery
from mintmaster.lifecycle import ownership, rfc3339, schedule, template
from mintmaster.lifecycle.approval import Approval, approval
from mintmaster.lifecycle.issuer_view import Obstacle
from mintmaster.lifecycle.ownership import Claim
from mintmaster.lifecycle.rights import asked_roles

if TYPE_CHECKING:
    from collections.abc import Callable

    from mintmaster.lifecycle.facts import Facts
    from mintmaster.lifecycle.secret_view import SecretView


def obstacle_to_issue(facts: Facts) -> Obstacle | None:
    """Why nothing could be issued even if there were cause to, or None."""
    return next((found for check in _CHECKS if (found := check(facts))), None)


def _issuer_missing(facts: Facts) -> Obstacle | None:
    if facts.issuer is not None:
        return None
    name = facts.resource.spec.issuer_ref.name
    return Obstacle(
        Reason.ISSUER_NOT_FOUND,
        f"There is no TokenIssuer {name!r}: create it, or name another in spec.issuerRef of a new resource.",
    )


def _wrong_signer(facts: Facts) -> Obstacle | None:
    issuer = facts.known_issuer
    if issuer.spec.signer == Signer.OPERATOR:
        return None
    return Obstacle(
        Reason.SIGNER_MISMATCH,
        f"Issuer {issuer.name!r} is signed by gates and mints for applications only: use an issuer whose signer"
        " is Operator.",
    )


def _issuer_not_ready(facts: Facts) -> Obstacle | None:
    return facts.known_issuer.obstacle


def _void_from_the_start(facts: Facts) -> Obstacle | None:
    """What was issued before `notBefore` is inactive: issuing for it now would only be done again, for ever."""
    issuer = facts.known_issuer
    not_before = issuer.spec.not_before
    if not_before is None or facts.now >= not_before:
        return None
    return Obstacle(
        Reason.ISSUER_NOT_READY,
        f"spec.notBefore of issuer {issuer.name!r} lies in the future: whatever is issued before"
        f" {rfc3339.format(not_before)} would be inactive.",
        retry_at=not_before,
    )


def _unknown_scope(facts: Facts) -> Obstacle | None:
    issuer = facts.known_issuer
    unknown = sorted(set(facts.resource.spec.scopes) - issuer.scope_names)
    if not unknown:
        return None
    return Obstacle(
        Reason.SCOPE_UNKNOWN,
        f"spec.scopes names {_listed(unknown)}, which issuer {issuer.name!r} does not know. It knows"
        f" {_listed(sorted(issuer.scope_names)) or 'none'}.",
    )


def _unknown_role(facts: Facts) -> Obstacle | None:
    issuer = facts.known_issuer
    unknown = sorted(set(asked_roles(facts.resource)) - set(issuer.role_scopes))
    if not unknown:
        return None
    return Obstacle(
        Reason.ROLE_UNKNOWN,
        f"spec.roles names {_listed(unknown)}, which issuer {issuer.name!r} does not know. It knows"
        f" {_listed(sorted(issuer.role_scopes)) or 'none'}.",
    )


def _not_granted(facts: Facts) -> Obstacle | None:
    lacking = facts.not_granted(facts.wanted_rights)
    if not lacking:
        return None
    return Obstacle(
        Reason.NOT_GRANTED,
        f"No entry of spec.grants of issuer {facts.known_issuer.name!r} covers all of this token; the closest"
        f" lacks {', '.join(lacking)}.",
    )


def _bad_schedule(facts: Facts) -> Obstacle | None:
    if (
        facts.resource.spec.delivery == Delivery.CALLER
        and facts.resource.spec.token.lifetime is None
    ):
        return None
    return schedule.obstacle(facts.schedule, facts.known_issuer)


def _bad_template(facts: Facts) -> Obstacle | None:
    try:
        template.check(facts.resource.spec.secret.template.data)
    except template.TemplateInvalid as error:
        return Obstacle(Reason.TEMPLATE_INVALID, str(error))
    return None


def _not_approved(facts: Facts) -> Obstacle | None:
    match approval(facts):
        case Approval.AWAITED:
            return Obstacle(
                Reason.AWAITING_APPROVAL,
                "The issuer wants these rights approved: somebody with the verb approve sets the condition"
                " Approved to True for this generation.",
            )
        case Approval.DENIED:
            return Obstacle(
                Reason.DENIED,
                "The request was denied; change what is asked for, or ask the approver.",
            )
        case _:
            return None


def _digest_missing_or_taken(facts: Facts) -> Obstacle | None:
    if facts.resource.spec.delivery != Delivery.CALLER:
        return None
    if facts.resource.spec.token.value_digest is None:
        return Obstacle(
            Reason.AWAITING_APPROVAL,
            "Nobody has set spec.token.valueDigest, the digest of the caller's token, yet.",
        )
    if facts.digest_taken:
        return Obstacle(
            Reason.DIGEST_CONFLICT,
            "Another resource, which is older, has the digest in spec.token.valueDigest: make another token.",
            retry_at=facts.now + CONFLICT_RETRY,
        )
    return None


def _secret_of_others(facts: Facts) -> Obstacle | None:
    """Find a Secret that must not be touched: never mint for one (cert-manager's runaway issuance)."""
    if facts.resource.spec.delivery == Delivery.CALLER:
        return None
    if facts.claim is Claim.LEAVING:
        return Obstacle(
            Reason.SECRET_MISSING,
            "The Secret of that name still belongs to a deleted resource of this name, and is being collected.",
            retry_at=facts.now + COLLECTION_RETRY,
        )
    if facts.claim is not Claim.FOREIGN or facts.secret is None:
        return None
    return Obstacle(
        Reason.SECRET_CONFLICT,
        _conflict_message(facts, facts.secret),
        retry_at=facts.now + CONFLICT_RETRY,
    )


def _conflict_message(facts: Facts, view: SecretView) -> str:
    """Name both claimants and what ends the conflict."""
    meta = facts.resource.metadata
    wanted = (
        f"{facts.kind} {meta.name!r} wants Secret {ownership.secret_name(facts.resource)!r}, but"
    )
    holder, controller = ownership.holder_of(view), view.controller
    if view.type != "Opaque":
        return f"{wanted} that Secret has the type {view.type!r}, not Opaque. {_ELSEWHERE}"
    if holder is not None and (holder.kind, holder.name) != (facts.kind, meta.name):
        return f"{wanted} it belongs to {holder.kind} {holder.name!r}. {_ELSEWHERE}"
    if controller is not None:
        return f"{wanted} it is controlled by {controller.kind} {controller.name!r}. {_ELSEWHERE}"
    return (
        f"{wanted} somebody else made it. {_ELSEWHERE} Or delete that Secret, or set"
        " spec.secret.adoptionPolicy to IfUnowned and annotate the Secret with"
        f" {names.ANNOTATION_ADOPT_BY}={meta.name}."
    )


_ELSEWHERE = "Name another Secret in spec.secret.name of a new resource."

CONFLICT_RETRY = timedelta(seconds=30)
"""How soon it is looked at again whether a Secret or a digest is still somebody else's: no event tells."""

COLLECTION_RETRY = timedelta(seconds=1)
"""How soon a Secret is looked at again that the garbage collector is about to delete (0.03 s on an idle cluster)."""


def _listed(values: list[str]) -> str:
    return ", ".join(repr(value) for value in values)


_CHECKS: tuple[Callable[[Facts], Obstacle | None], ...] = (
    _issuer_missing,
    _wrong_signer,
    _unknown_scope,
    _unknown_role,
    _not_granted,
    _bad_schedule,
    _bad_template,
    _not_approved,
    _digest_missing_or_taken,
    _secret_of_others,
    _issuer_not_ready,
    _void_from_the_start,
)
"""What the owner of the resource can mend stands before what only the platform can; the issuer itself comes first,
since all other checks need it."""
