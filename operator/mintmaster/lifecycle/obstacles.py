"""Why no token can be issued for a resource as things stand: a chain of pure checks, the first finding wins."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mintmaster.api import names
from mintmaster.api.reasons import Reason
from mintmaster.api.token_issuer import Signer
from mintmaster.api.token_spec import Delivery
from mintmaster.lifecycle import ownership, requester, rfc3339, schedule, template
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


def _client_id_refused(facts: Facts) -> Obstacle | None:
    application = facts.application
    if application is None or not facts.client_id_refused:
        return None
    return Obstacle(
        Reason.CLIENT_ID_CONFLICT,
        f"Another ClientApplication of issuer {application.spec.issuer_ref.name!r} has, or had, the client id"
        f" {application.client_id!r}: name another in spec.clientId of a new resource. Should the id have become free"
        " and be meant for this one, edit its spec, or create it anew.",
    )


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
    needed = Signer.OPERATOR if facts.application is None else Signer.GATE
    if issuer.spec.signer == needed:
        return None
    return Obstacle(Reason.SIGNER_MISMATCH, f"Issuer {issuer.name!r} {_WRONG_SIGNERS[needed]}")


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


def _requester_lacks(facts: Facts) -> Obstacle | None:
    """Look once, when a digest is about to be activated: what became of the asker afterwards changes nothing."""
    asked, digest = facts.resource.spec.requested_by, facts.resource.spec.token.value_digest
    if asked is None or not asked.uid or digest is None:
        return None
    if any(token.digest == digest for token in facts.status.tokens):
        return None
    held = requester.held_rights(asked, facts.requester, facts.now)
    if held is None:
        return Obstacle(
            Reason.NOT_GRANTED,
            "spec.requestedBy names a token that is not active: ask for this one anew, with a token that is.",
        )
    lacks = requester.lacking(facts.resource, facts.wanted_rights, held)
    if not lacks:
        return None
    return Obstacle(
        Reason.NOT_GRANTED,
        "Whoever asked for this token (spec.requestedBy) may not do all of it themselves; they lack"
        f" {', '.join(lacks)}.",
    )


def _bad_schedule(facts: Facts) -> Obstacle | None:
    if facts.application is not None:
        return schedule.application_obstacle(facts.application.spec, facts.known_issuer)
    return None if facts.endless else schedule.obstacle(facts.schedule, facts.known_issuer)


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
            f"Nobody has set {facts.resource.spec.TOKEN_FIELD}.valueDigest, the digest of the caller's token, yet.",
        )
    if facts.digest_taken:
        return Obstacle(
            Reason.DIGEST_CONFLICT,
            f"Another resource, which is older, has the digest in {facts.resource.spec.TOKEN_FIELD}.valueDigest:"
            " make another token.",
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


_WRONG_SIGNERS = {
    Signer.OPERATOR: "is signed by gates and mints for applications only: use an issuer whose signer is Operator.",
    Signer.GATE: "is signed by the operator, and access tokens of applications are minted by gates: use an issuer"
    " whose signer is Gate.",
}

_ELSEWHERE = "Name another Secret in spec.secret.name of a new resource."

CONFLICT_RETRY = timedelta(seconds=30)
"""How soon it is looked at again whether a Secret or a digest is still somebody else's: no event tells."""

COLLECTION_RETRY = timedelta(seconds=1)
"""How soon a Secret is looked at again that the garbage collector is about to delete (0.03 s on an idle cluster)."""


def _listed(values: list[str]) -> str:
    return ", ".join(repr(value) for value in values)


_CHECKS: tuple[Callable[[Facts], Obstacle | None], ...] = (
    _client_id_refused,
    _issuer_missing,
    _wrong_signer,
    _unknown_scope,
    _unknown_role,
    _not_granted,
    _requester_lacks,
    _bad_schedule,
    _bad_template,
    _not_approved,
    _digest_missing_or_taken,
    _secret_of_others,
    _issuer_not_ready,
    _void_from_the_start,
)
"""What the owner of the resource can mend stands before what only the platform can; the issuer itself comes before
the checks that need it. A refused client id is first, since nothing may hide that it was refused."""
