"""Valid resources, issuers and Secrets, and modifiers that change one thing about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, TypeVar

import msgspec

from mintmaster.api import names
from mintmaster.api.client_application import ClientApplication, ClientApplicationSpec
from mintmaster.api.grants import Grant, NamespaceSelection
from mintmaster.api.kinds import TOKEN_KINDS, TokenResource
from mintmaster.api.meta import Condition, ObjectMeta, OwnerReference
from mintmaster.api.runner_registration import (
    RunnerRegistration,
    RunnerRegistrationSpec,
    RunnerType,
)
from mintmaster.api.token_issuer import (
    Approval,
    ApprovalMode,
    Limits,
    RoleDefinition,
    ScopeDefinition,
    Signer,
    TokenIssuerSpec,
)
from mintmaster.api.token_spec import Delivery, Format
from mintmaster.api.user_access_token import User, UserAccessToken, UserAccessTokenSpec
from mintmaster.lifecycle.issuer_view import IssuerView

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
UID = "5a1c6a52-6f0e-4a52-9c0b-0d7c8fbb9d2c"
KEY_ID = "key-1"

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

S = TypeVar("S", bound=msgspec.Struct)
Modifier: TypeAlias = Callable[[TokenResource], TokenResource]
IssuerModifier: TypeAlias = Callable[[IssuerView], IssuerView]


def setting(struct: S, path: str, value: object) -> S:
    """The same struct with the member at a dotted path replaced."""
    first, _, rest = path.partition(".")
    changed = setting(getattr(struct, first), rest, value) if rest else value
    return msgspec.structs.replace(struct, **{first: changed})


def _made(resource: TokenResource, modifiers: tuple[Modifier, ...]) -> TokenResource:
    for modify in modifiers:
        resource = modify(resource)
    return resource


def user_token(*modifiers: Modifier) -> TokenResource:
    """A UserAccessToken that the issuer of `issuer()` grants."""
    spec = UserAccessTokenSpec(
        user=User(email="ada@example.org"), scopes=("read", "write"), projects=("atlas",)
    )
    meta = ObjectMeta(
        name="laptop",
        namespace="team",
        uid=UID,
        resource_version="1",
        generation=1,
        creation_timestamp=NOW - HOUR,
    )
    return _made(UserAccessToken(metadata=meta, spec=spec), modifiers)


def runner(*modifiers: Modifier) -> TokenResource:
    """A RunnerRegistration that the issuer of `issuer()` grants."""
    spec = RunnerRegistrationSpec(type=RunnerType.PROJECT, project="3", tags=("linux", "docker"))
    meta = ObjectMeta(name="linux", namespace="team", uid=UID, resource_version="1", generation=1)
    return _made(RunnerRegistration(metadata=meta, spec=spec), modifiers)


def application(*modifiers: Modifier) -> TokenResource:
    """A ClientApplication that the issuer of `gate_issuer()` grants."""
    spec = ClientApplicationSpec(scopes=("read", "write"), projects=("atlas",))
    meta = ObjectMeta(
        name="portal",
        namespace="team",
        uid=UID,
        resource_version="1",
        generation=1,
        creation_timestamp=NOW - HOUR,
    )
    return _made(ClientApplication(metadata=meta, spec=spec), modifiers)


def having(path: str, value: object) -> Modifier:
    """Set the field at a dotted path below spec; an edit, so the generation goes up."""

    def modify(resource: TokenResource) -> TokenResource:
        edited = setting(resource, f"spec.{path}", value)
        return setting(edited, "metadata.generation", resource.metadata.generation + 1)

    return modify


def meta(path: str, value: object) -> Modifier:
    """Set the field at a dotted path below metadata."""
    return lambda resource: setting(resource, f"metadata.{path}", value)


def status(path: str, value: object) -> Modifier:
    """Set the field at a dotted path below status."""
    return lambda resource: setting(resource, f"status.{path}", value)


def rotation(request: str) -> Modifier:
    """Ask for a rotation by the annotation."""
    return meta("annotations", {names.ANNOTATION_ROTATE: request})


def decided(verdict: str, generation: int | None = None) -> Modifier:
    """Set the condition Approved, as an approver does; for the present generation unless told otherwise."""

    def modify(resource: TokenResource) -> TokenResource:
        condition = Condition(
            type="Approved",
            status=verdict,
            reason="Reviewed",
            message="Looked at.",
            last_transition_time=NOW,
            observed_generation=generation or resource.metadata.generation,
        )
        others = tuple(known for known in resource.status.conditions if known.type != "Approved")
        return setting(resource, "status.conditions", (*others, condition))

    return modify


def for_caller(digest: str | None = "A" * 43) -> Modifier:
    """Deliver to the caller, who holds the token of that digest."""

    def modify(resource: TokenResource) -> TokenResource:
        changed = setting(resource, "spec.delivery", Delivery.CALLER)
        changed = setting(changed, "spec.token.format", Format.OPAQUE)
        return setting(changed, "spec.token.value_digest", digest)

    return modify


def kind_of(resource: TokenResource) -> str:
    """The kind that a resource is of."""
    return next(known.kind for known in TOKEN_KINDS if isinstance(resource, known.model))


EVERYTHING = Grant(
    namespaces=NamespaceSelection(names=("*",)),
    kinds=("*",),
    subjects=("*",),
    runner_types=("*",),
    projects=("*",),
    groups=("*",),
    scopes=("*",),
    roles=("*",),
    audiences=("*",),
    client_ids=("*",),
)


def issuer(*modifiers: IssuerModifier) -> IssuerView:
    """An operator-signed issuer with three scopes and two roles, which grants everything that ends."""
    view = IssuerView(
        name="default",
        spec=TokenIssuerSpec(
            url="https://tokens.example.org",
            signer=Signer.OPERATOR,
            audiences=("https://services.example.org",),
            scopes=tuple(ScopeDefinition(name=name) for name in ("read", "write", "admin")),
            roles=(
                RoleDefinition(name="Reader", scopes=("read",)),
                RoleDefinition(name="Editor", scopes=("read", "write")),
            ),
            grants=(EVERYTHING,),
        ),
        signing_key_id=KEY_ID,
    )
    for modify in modifiers:
        view = modify(view)
    return view


def gate_issuer(*modifiers: IssuerModifier) -> IssuerView:
    """The same, signed by gates, for applications."""
    limits = Limits(default_lifetime="10h", max_lifetime="10h")
    signed = issuer(issuing("signer", Signer.GATE), issuing("limits", limits))
    for modify in modifiers:
        signed = modify(signed)
    return signed


def issuing(path: str, value: object) -> IssuerModifier:
    """Set the field at a dotted path below the issuer's spec."""
    # A new view, as the operator makes one whenever the issuer changes: a view keeps what it derived.
    return lambda view: replace(view, spec=setting(view.spec, path, value))


def granting(**changes: Any) -> IssuerModifier:
    """Grant everything but for what is said."""
    return issuing("grants", (msgspec.structs.replace(EVERYTHING, **changes),))


def wanting_approval(view: IssuerView) -> IssuerView:
    """Have all tokens approved by somebody."""
    manual = ApprovalMode.MANUAL
    approval = Approval(
        user_access_tokens=manual, runner_registrations=manual, client_applications=manual
    )
    return issuing("approval", approval)(view)


def owner_of(resource: TokenResource, *, uid: str | None = None) -> OwnerReference:
    """The controller ownerReference of a resource."""
    known = resource.metadata
    return OwnerReference(
        api_version=names.API_VERSION,
        kind=kind_of(resource),
        name=known.name,
        uid=uid or known.uid,
        controller=True,
    )
