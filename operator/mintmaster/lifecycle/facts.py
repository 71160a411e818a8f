"""Everything that one decision about a token resource is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from mintmaster.api import names
from mintmaster.api.client_application import ClientApplication
from mintmaster.api.reasons import STALLED_REASONS, ConditionType, Reason
from mintmaster.api.runner_registration import RunnerRegistrationSpec
from mintmaster.api.token_spec import Delivery, MintedSpec
from mintmaster.lifecycle import client_ids, grants, ownership, rights, schedule
from mintmaster.lifecycle.conditions import find
from mintmaster.lifecycle.ownership import Claim

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.rights import Rights
    from mintmaster.api.status import TokenRecord, TokenStatus
    from mintmaster.lifecycle.issuer_view import IssuerView
    from mintmaster.lifecycle.schedule import Schedule
    from mintmaster.lifecycle.secret_view import Reading, SecretView


HOLDS_UP_EDITS = STALLED_REASONS | {
    Reason.AWAITING_APPROVAL,
    Reason.CLOCK_SKEW,
    Reason.SUSPENDED,
    Reason.TOO_MANY_ISSUES,
    Reason.TOO_MANY_TOKENS,
    Reason.WRITE_FAILED,
}
"""Why a resource may not be ready although its last edit was seen."""


@dataclass(frozen=True)
class Facts:
    """A resource, its Secret, its issuer and the clock, gathered at one moment.

    Derived facts are computed on first use and kept, since several checks ask for them.
    """

    kind: str
    resource: TokenResource
    secret: SecretView | None
    issuer: IssuerView | None
    now: datetime
    """Whole seconds, UTC."""
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    namespace_terminating: bool = False
    """Whether the namespace is being deleted: nothing can be created in it any more."""
    clock_trusted: bool = True
    """False while the clock is too far from the API server's."""
    digest_taken: bool = False
    """Whether an older resource claims the digest that a caller handed in."""
    client_id_taken: bool = False
    """Whether another application comes first for the client id."""
    requester: TokenResource | None = None
    """What stands under the UID of `spec.requestedBy`: whose bearer asked for this token over HTTP."""
    namespace_issues: tuple[datetime, ...] = ()
    """Times of the counted issues of all resources of the namespace within the last hour, oldest first."""
    reading: Reading | None = None
    """The plain content of the Secret, when it was read for this decision."""
    content_suspect: bool = False
    """The Secret's content has not been compared with what was written, e.g. since the process started."""

    revision_floor: int = 0
    """Revisions below this one were superseded, though a restored backup may know nothing of it."""

    @cached_property
    def uid(self) -> str:
        """The UID of this life of the resource."""
        return self.resource.metadata.uid

    @cached_property
    def status(self) -> TokenStatus:
        """The recorded status, or an empty one where the record is of another life (I10)."""
        recorded = self.resource.status
        if recorded.uid == self.uid:
            return recorded
        # A decision may have been made before the operator wrote anything; all else is void.
        decision = find(recorded.conditions, ConditionType.APPROVED) if not recorded.uid else None
        return type(recorded)(uid=self.uid, conditions=(decision,) if decision else ())

    @cached_property
    def current(self) -> TokenRecord | None:
        """The newest token on record, whether or not it is still active."""
        revision = self.status.revision
        return next((token for token in self.status.tokens if token.revision == revision), None)

    @cached_property
    def live(self) -> tuple[TokenRecord, ...]:
        """All tokens on record that are inside their time, also those about to be made void."""
        return tuple(token for token in self.status.tokens if inside_its_time(token, self.now))

    @cached_property
    def is_going(self) -> bool:
        """Whether the resource is on its way out: by itself (I8), or with a namespace that has lost its Secret already.

        The namespace controller deletes Secrets and resources in no order; creating the Secret again is refused.
        """
        if self.resource.metadata.deletion_timestamp is not None:
            return True
        in_secret = self.resource.spec.delivery != Delivery.CALLER
        return self.namespace_terminating and in_secret and self.secret is None

    @cached_property
    def edited(self) -> bool:
        """Whether the spec changed since it was last acted on."""
        return self.resource.metadata.generation != self.status.observed_generation

    @cached_property
    def edit_pending(self) -> bool:
        """Whether the spec was edited and what it asks for has not been had yet.

        An edit that was held up, say by a spent budget, is still to be carried out when nothing holds it up any more.
        """
        ready = find(self.status.conditions, ConditionType.READY)
        return self.edited or (
            ready is not None and ready.status == "False" and ready.reason in HOLDS_UP_EDITS
        )

    @cached_property
    def application(self) -> ClientApplication | None:
        """The resource, if it is an application, whose token is its client secret."""
        return self.resource if isinstance(self.resource, ClientApplication) else None

    @cached_property
    def client_id_refused(self) -> bool:
        """Whether the client id is another application's, or was when the spec was last looked at."""
        application = self.application
        return application is not None and (
            self.client_id_taken or client_ids.was_refused(application)
        )

    @cached_property
    def suspended(self) -> bool:
        """Whether the spec wants nothing issued for the time being."""
        spec = self.resource.spec
        return isinstance(spec, MintedSpec) and spec.suspend

    @cached_property
    def out_of_use(self) -> bool:
        """Whether the spec says that the resource is not to be used for the time being, or not renewed."""
        return self.suspended or (
            self.application is not None and not self.application.spec.enabled
        )

    @cached_property
    def endless(self) -> bool:
        """Whether a token issued now would never expire: a caller's or a client secret, with no lifetime named."""
        spec = self.resource.spec
        held = spec.delivery == Delivery.CALLER or self.application is not None
        return held and spec.token.lifetime is None

    @cached_property
    def wanted_lifetime(self) -> timedelta | None:
        """How long a token issued now would live; None: without end. Only where the issuer is known."""
        return None if self.endless else self.schedule.lifetime

    @cached_property
    def wanted_rights(self) -> Rights:
        """The rights of a token issued now. Only for resources whose issuer is known."""
        return rights.desired(self.resource, self.known_issuer)

    @cached_property
    def granted_client_id(self) -> str:
        """The client id, where it is one that has to be granted."""
        application = self.application
        if application is None or application.client_id == application.default_client_id:
            return ""
        return application.client_id

    def not_granted(self, asked: Rights) -> tuple[str, ...]:
        """What the issuer's grants lack for these rights; empty when they are granted."""
        issuer = self.known_issuer
        if grants.denied(asked.subject, issuer):
            return (f"subject {asked.subject!r}, which the issuer denies",)
        unknown = issuer.unknown(asked)
        if unknown:
            return unknown
        spec = self.resource.spec
        runner = spec if isinstance(spec, RunnerRegistrationSpec) else None
        request = grants.Request(
            kind=self.kind,
            namespace=self.resource.metadata.namespace,
            namespace_labels=self.namespace_labels,
            rights=asked,
            runner_type=runner.type if runner else "",
            group=(runner.group or "") if runner else "",
            client_id=self.granted_client_id,
            # A client secret is no token of the issuer: it may be without end unless somebody limits it.
            unlimited=self.endless and self.application is None,
        )
        return grants.missing(request, issuer)

    @cached_property
    def schedule(self) -> Schedule:
        """The times of a token issued now. Only for resources whose issuer is known."""
        return schedule.effective(self.resource.spec.token, self.known_issuer)

    @cached_property
    def known_issuer(self) -> IssuerView:
        """The issuer; LookupError where there is none, which the first check reports."""
        if self.issuer is None:
            raise LookupError(f"issuer {self.resource.spec.issuer_ref.name!r} does not exist")
        return self.issuer

    @cached_property
    def claim(self) -> Claim:
        """What the resource may do with the Secret of the name that it wants."""
        return ownership.claim(self.kind, self.resource, self.secret)

    @cached_property
    def holds_secret(self) -> bool:
        """Whether the Secret exists and is this resource's."""
        return self.claim is Claim.OURS

    @cached_property
    def delivered_ahead(self) -> bool:
        """Whether the Secret holds, as an operator wrote it, a later token than any on record.

        Another leader is about to record it, or one died before it could.
        """
        secret = self.secret
        return (
            secret is not None
            and self.holds_secret
            and secret.untouched
            and secret.revision > self.status.revision
        )

    def held_key(self, token: TokenRecord) -> str | None:
        """The key of our Secret under which this token lies; None where it does not hold it.

        The token key goes first; after that any key, since the spec may have renamed it (a rewrite, no issue).
        """
        if self.secret is None or not self.holds_secret:
            return None
        digests = self.secret.value_digests
        preferred = self.resource.spec.secret.token_key
        if digests.get(preferred) == token.digest:
            return preferred
        return next((key for key, digest in digests.items() if digest == token.digest), None)

    def token_read(self, token: TokenRecord) -> str | None:
        """The plain text of a recorded token, where the Secret was read and holds it."""
        key = self.held_key(token)
        if self.reading is None or key is None:
            return None
        return self.reading.data[key].decode("ascii")

    @cached_property
    def rotate_request(self) -> str | None:
        """The value of the rotate annotation."""
        return self.resource.metadata.annotations.get(names.ANNOTATION_ROTATE)


def inside_its_time(token: TokenRecord, now: datetime) -> bool:
    """Whether a recorded token may still be honoured at that instant; no `validUntil` means no end."""
    return token.valid_until is None or now < token.valid_until
