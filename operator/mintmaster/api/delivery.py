"""What the specs of all minted kinds say alike: delivery, issuer, revocation, restarts, who asked."""

from enum import StrEnum
from typing import Annotated, ClassVar

from mintmaster.api.names import DEFAULT_SECRET_SUFFIX, MAX_NAME_LENGTH
from mintmaster.api.schema import (
    DNS_SUBDOMAIN,
    MAX_SUBJECT_LENGTH,
    NAME_RULE,
    Model,
    Rule,
    described,
    unchanged,
    unique,
)


class Delivery(StrEnum):
    """Where a token goes."""

    SECRET = "Secret"  # noqa: S105 - the name of a Kubernetes kind
    CALLER = "Caller"


class WorkloadKind(StrEnum):
    """Kinds of workloads that can be restarted after a renewal."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"


class IssuerRef(Model, frozen=True, kw_only=True):
    """The issuer that mints the token."""

    name: Annotated[
        str,
        described(
            "Name of the TokenIssuer; default by default.",
            min_length=1,
            max_length=MAX_NAME_LENGTH,
            pattern=DNS_SUBDOMAIN,
        ),
    ] = "default"


class RestartTarget(Model, frozen=True, kw_only=True):
    """A workload that reads its token only when it starts."""

    kind: Annotated[WorkloadKind, described("Kind of the workload.")]
    name: Annotated[
        str,
        described(
            "Name of the workload, in the namespace of the resource. It must carry the annotation "
            'mintmaster.dev/restart: "true".',
            min_length=1,
            max_length=253,
            pattern=DNS_SUBDOMAIN,
        ),
    ]


class RequestedBy(Model, frozen=True, kw_only=True):
    """Who asked for the token over HTTP."""

    subject: Annotated[
        str, described("Subject of the caller's own token.", max_length=MAX_SUBJECT_LENGTH)
    ]
    uid: Annotated[
        str, described("UID of the resource that the caller's token belongs to.", max_length=128)
    ] = ""
    jti: Annotated[str, described("jti of the caller's token.", max_length=256)] = ""


class DeliveredSpec(Model, frozen=True, kw_only=True):
    """Fields that the specs of all minted kinds have."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        unchanged("delivery", "delivery cannot be changed"),
        unchanged("issuerRef.name", "issuerRef.name cannot be changed: create a new resource"),
        # With has() on the spec rather than on the field, which removing the field would evade.
        Rule(
            "!has(oldSelf.revoked) || !oldSelf.revoked || (has(self.revoked) && self.revoked)",
            "revoked cannot be taken back: create a new resource",
            ".revoked",
        ),
        Rule(
            "self.delivery != 'Caller' || !has(self.secret) && !has(self.restart)",
            "delivery Caller has no Secret: leave out secret and restart",
            ".secret",
        ),
    )

    delivery: Annotated[
        Delivery,
        described(
            "Where the token goes: Secret (default), or Caller for a token that was made by "
            "whoever asked over HTTP, of which only the digest stands here. It cannot be changed."
        ),
    ] = Delivery.SECRET
    issuer_ref: Annotated[
        IssuerRef, described("The issuer that mints the token. It cannot be changed.")
    ] = IssuerRef()
    revoked: Annotated[
        bool,
        described(
            "true makes every token of this resource inactive and removes its Secret, for good: "
            "it cannot be taken back. Leave it out of manifests in Git until it is needed."
        ),
    ] = False
    restart: Annotated[
        tuple[RestartTarget, ...],
        unique(
            "restart",
            "Workloads of this namespace that are restarted after a renewal, if the data of the "
            "Secret changed.",
            max_items=16,
        ),
    ] = ()
    requested_by: Annotated[
        RequestedBy | None,
        described("Who asked for the token over HTTP; set by the gate."),
    ] = None


_SECRET_NAME = (
    "(has({0}.spec.secret) && has({0}.spec.secret.name) ? {0}.spec.secret.name "
    f": {{0}}.metadata.name + '{DEFAULT_SECRET_SUFFIX}')"
)

# Never ratcheted, so that a further rule here would block even status writes on old objects.
MINTED_ROOT_RULES = (
    NAME_RULE,
    Rule(
        _SECRET_NAME.format("self") + " == " + _SECRET_NAME.format("oldSelf"),
        f"spec.secret.name, by default <resource name>{DEFAULT_SECRET_SUFFIX}, cannot be changed",
    ),
)
