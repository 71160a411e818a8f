"""What the operator would do with a resource as it would be: its own decision, from facts read with our credentials."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec

from mintmaster.api import names
from mintmaster.api.kinds import TOKEN_ISSUER
from mintmaster.api.meta import ObjectMeta
from mintmaster.api.reasons import ConditionType, Reason
from mintmaster.api.token_spec import Delivery, Format
from mintmaster.cli.exits import Exit, Failure
from mintmaster.gate.issuer import known_issuer
from mintmaster.kube.errors import Forbidden, NotFound
from mintmaster.kube.paths import object_path
from mintmaster.lifecycle import ownership, rfc3339, secret_content
from mintmaster.lifecycle.conditions import find
from mintmaster.lifecycle.decision import decide
from mintmaster.lifecycle.facts import Facts
from mintmaster.lifecycle.issuer_view import Obstacle
from mintmaster.lifecycle.outcome import record_of
from mintmaster.lifecycle.secret_view import SecretView, digest_of_data
from mintmaster.lifecycle.template import TemplateInvalid
from mintmaster.operator.minting import claims_of
from mintmaster.tokens.verifier import signature_holds

if TYPE_CHECKING:
    from mintmaster.api.kinds import TokenResource
    from mintmaster.cli.session import Item, Object, Session
    from mintmaster.lifecycle.decision import Issue, Plan
    from mintmaster.lifecycle.issuer_view import IssuerView
    from mintmaster.lifecycle.secret_view import Reading

PLACE_OF_TOKEN = "<token>"  # noqa: S105 - stands where a token would
"""What is shown where the token would be: none is minted."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would come of a resource."""

    outcome: str
    """In a sentence."""
    obstacle: Obstacle | None = None
    """Why what is asked for cannot be had."""
    claims: Object | None = None
    """What the new token would say, or, where it is opaque, what it would be good for."""
    secret: dict[str, str] = field(default_factory=dict)
    """The Secret's keys and their text, with a placeholder for the token."""
    voided: int = 0
    """Tokens that would become inactive at once."""
    blind: bool = False
    """Whether the Secret could not be read, and is taken to be as the operator left it."""


async def foresee(session: Session, item: Item[TokenResource]) -> Foreseen:
    """Decide as the operator would. What other resources claim (digests, client ids) is not looked at."""
    facts, blind = await _facts(session, item)
    plan = decide(facts)
    if plan is None:
        return Foreseen("nothing: it is being deleted")
    found = Foreseen(_outcome(facts, plan), obstacle=plan.obstacle, voided=len(plan.void))
    found = replace(found, blind=blind)
    return _with_issue(found, facts, plan.issue) if plan.issue else found


def _outcome(facts: Facts, plan: Plan) -> str:
    if facts.resource.spec.revoked:
        return "every token of it is inactive, for good, and its Secret is removed"
    if plan.issue is not None:
        return f"token of revision {plan.issue.revision} is issued: {plan.issue.cause.message}"
    if plan.obstacle is not None and (plan.cause is not None or facts.current is None):
        return "no token is issued"
    if plan.rewrite_secret or plan.read_secret:
        return "no new token; its Secret is written anew around the present one"
    return "no new token; its Secret stays as it is"


def _with_issue(found: Foreseen, facts: Facts, issue: Issue) -> Foreseen:
    name = f"{facts.uid}.{issue.revision}.<random>"
    jwt = issue.format == Format.JWT and facts.resource.spec.delivery == Delivery.SECRET
    said = claims_of(facts, issue, name) if jwt else issue.rights
    found = replace(found, claims=msgspec.to_builtins(said))
    if facts.resource.spec.delivery == Delivery.CALLER:
        return found
    record = record_of(issue, id_=name, key_id="", digest="", facts=facts)
    try:
        content = secret_content.content(facts, record, token=PLACE_OF_TOKEN)
    except TemplateInvalid as error:
        return replace(found, obstacle=Obstacle(Reason.TEMPLATE_INVALID, str(error)))
    return replace(found, secret={key: value.decode() for key, value in content.data.items()})


async def _facts(session: Session, item: Item[TokenResource]) -> tuple[Facts, bool]:
    resource = item.resource
    issuer = await _issuer(session, resource.spec.issuer_ref.name)
    reading, blind = await _reading(session, resource, issuer)
    view = reading.view if reading else None
    facts = Facts(
        kind=item.kind.kind,
        resource=resource,
        secret=view,
        issuer=issuer.view if issuer else None,
        now=rfc3339.whole_seconds(session.clock.now()),
        namespace_labels=await _namespace_labels(session, resource.metadata.namespace),
        reading=reading,
    )
    if blind and facts.current is not None:
        facts = replace(facts, secret=_as_it_was_left(facts))
    return facts, blind


@dataclass(frozen=True, slots=True)
class _Issuer:
    view: IssuerView
    keys: Any


async def _issuer(session: Session, name: str) -> _Issuer | None:
    try:
        issuer = (await session.get(TOKEN_ISSUER, name)).resource
    except Failure as failure:
        if failure.code is not Exit.NOT_FOUND:
            raise
        return None
    known = known_issuer(issuer)
    ready = find(issuer.status.conditions, ConditionType.READY)
    obstacle = None
    if ready is None or ready.status != "True":
        text = (
            f"Issuer {name!r} is not ready: {ready.message if ready else 'nobody has seen it yet'}"
        )
        obstacle = Obstacle(Reason.ISSUER_NOT_READY, text)
    return _Issuer(replace(known.view, obstacle=obstacle), known.keys)


async def _reading(
    session: Session, resource: TokenResource, issuer: _Issuer | None
) -> tuple[Reading | None, bool]:
    """The Secret with its content, and whether we are blind to it."""
    if resource.spec.delivery == Delivery.CALLER:
        return None, False
    name = ownership.secret_name(resource)
    try:
        reading = await session.secrets.read(resource.metadata.namespace, name)
    except Forbidden:
        return None, True
    token = reading.data.get(resource.spec.secret.token_key, b"") if reading else b""
    if reading is None or issuer is None or b"." not in token:
        return reading, False
    return replace(reading, signature_holds=signature_holds(token, issuer.keys)), False


async def _namespace_labels(session: Session, namespace: str) -> dict[str, str]:
    """The labels that grants select by; without the right to read them none, so that less may seem granted."""
    try:
        found = await session.read(object_path("v1", "namespaces", None, namespace))
    except (Forbidden, NotFound):
        return {}
    return dict(found["metadata"].get("labels") or {})


def _as_it_was_left(facts: Facts) -> SecretView:
    """A Secret that cannot be read, as it should be: ours, unchanged, with the current token in it."""
    key, current = facts.resource.spec.secret.token_key, facts.current
    data_digest = digest_of_data({})
    return SecretView(
        metadata=ObjectMeta(
            name=ownership.secret_name(facts.resource),
            labels=secret_content.own_labels(facts.kind, facts.resource),
            annotations={names.ANNOTATION_DIGEST: data_digest},
            owner_references=(secret_content.owner_reference(facts.kind, facts.resource),),
        ),
        value_digests={key: current.digest} if current else {},
        data_digest=data_digest,
    )
