"""One resource, its Secret and its issuer in memory, with an executor that carries out what is decided."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from lifecycle.build import KEY_ID, NOW, issuer, kind_of, user_token
from mintmaster.api.meta import ObjectMeta
from mintmaster.api.token_spec import Delivery, Format
from mintmaster.lifecycle import ownership, secret_content
from mintmaster.lifecycle.conditions import find
from mintmaster.lifecycle.decision import decide
from mintmaster.lifecycle.facts import Facts, inside_its_time
from mintmaster.lifecycle.identity import new_token_id
from mintmaster.lifecycle.outcome import next_status, record_of, says_something_new
from mintmaster.lifecycle.readiness import Outcome
from mintmaster.lifecycle.secret_view import Reading, view_of
from mintmaster.lifecycle.template_metadata import left_over
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from lifecycle.build import Modifier
    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.meta import Condition, OwnerReference
    from mintmaster.api.status import TokenRecord, TokenStatus
    from mintmaster.lifecycle.decision import Issue, Plan
    from mintmaster.lifecycle.issuer_view import IssuerView
    from mintmaster.lifecycle.secret_content import Content
    from mintmaster.lifecycle.secret_view import SecretView


@dataclass
class StoredSecret:
    """A Secret as the API server would hold it."""

    data: dict[str, bytes] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    owners: tuple[OwnerReference, ...] = ()
    type: str = "Opaque"
    immutable: bool = False

    def view(self) -> SecretView:
        """What decisions know of it."""
        metadata = ObjectMeta(
            name="stored",
            labels=dict(self.labels),
            annotations=dict(self.annotations),
            owner_references=self.owners,
        )
        return view_of(metadata, self.data, type_=self.type, immutable=self.immutable)

    def take(self, content: Content) -> None:
        """Be written: all data is the operator's, others' labels and annotations stay, a former template's go."""
        gone = left_over(self.view(), content.labels, content.annotations)
        for there, keys in ((self.labels, gone.labels), (self.annotations, gone.annotations)):
            for key in keys:
                del there[key]
        self.data = dict(content.data)
        self.labels |= content.labels
        self.annotations |= content.annotations
        others = tuple(owner for owner in self.owners if not owner.controller)
        self.owners = (*others, content.owner) if content.owner else others
        self.immutable = False


@dataclass
class Life:
    """A resource's life in memory; `step` does what one reconciliation does."""

    resource: TokenResource = field(default_factory=user_token)
    issuer: IssuerView | None = field(default_factory=issuer)
    now: datetime = NOW
    secret: StoredSecret | None = None
    clock_trusted: bool = True
    digest_taken: bool = False
    client_id_taken: bool = False
    requester: TokenResource | None = None
    signature_holds: bool = True
    namespace_issues: tuple[datetime, ...] = ()
    namespace_terminating: bool = False
    issued: list[Issue] = field(default_factory=list)
    delivered: set[str] = field(default_factory=set)
    """Digests of all tokens that ever stood in the Secret or were handed in by a caller."""
    secret_writes: int = 0
    status_writes: int = 0

    @property
    def status(self) -> TokenStatus:
        return self.resource.status

    @property
    def writes(self) -> int:
        """How many writes there were, of Secret and status together."""
        return self.secret_writes + self.status_writes

    def facts(self, *, read: bool = False, content_suspect: bool = False) -> Facts:
        """What is, at this moment."""
        view = self.secret.view() if self.secret else None
        reading = (
            Reading(view, dict(self.secret.data), signature_holds=self.signature_holds)
            if read and self.secret and view
            else None
        )
        return Facts(
            kind=kind_of(self.resource),
            resource=self.resource,
            secret=view,
            issuer=self.issuer,
            now=self.now,
            clock_trusted=self.clock_trusted,
            digest_taken=self.digest_taken,
            client_id_taken=self.client_id_taken,
            requester=self.requester,
            namespace_issues=self.namespace_issues,
            namespace_terminating=self.namespace_terminating,
            reading=reading,
            content_suspect=content_suspect,
        )

    def decide(self, *, content_suspect: bool = False) -> tuple[Facts, Plan | None]:
        """Decide, and read the Secret where the decision asks for it."""
        facts = self.facts(content_suspect=content_suspect)
        plan = decide(facts)
        if plan is not None and plan.read_secret:
            facts = self.facts(read=True, content_suspect=content_suspect)
            plan = decide(facts)
            assert plan is None or not plan.read_secret
        return facts, plan

    def step(self, *, content_suspect: bool = False, crash: bool = False) -> Plan | None:
        """One reconciliation; a crash comes after the Secret was written and before the status."""
        facts, plan = self.decide(content_suspect=content_suspect)
        if plan is None:
            return None
        outcome = Outcome()
        if plan.issue is not None:
            outcome = Outcome(issued=self._deliver(facts, plan.issue))
            if crash:
                return plan
            self.issued.append(plan.issue)
        elif plan.rewrite_secret:
            content = secret_content.content_around(self.facts(read=True))
            assert content is not None
            self._write(content)
        self.record(next_status(facts, plan, outcome))
        if plan.remove_secret:
            self.secret = None
        return plan

    def record(self, status: TokenStatus) -> None:
        """Write a status where it says something new."""
        if says_something_new(self.status, status):
            self.resource = msgspec.structs.replace(self.resource, status=status)
            self.status_writes += 1

    def settle(self, limit: int = 6) -> Life:
        """Reconcile until nothing is left to be done at this moment."""
        for _ in range(limit):
            before = self.writes
            self.step()
            if self.writes == before:
                return self
        raise AssertionError(f"does not come to rest: {self.status}")

    def change(self, *modifiers: Modifier) -> Life:
        """Let somebody change the resource."""
        for modify in modifiers:
            self.resource = modify(self.resource)
        return self

    def alter_issuer(self, *modifiers: Callable[[IssuerView], IssuerView]) -> Life:
        """Let somebody change the issuer."""
        for modify in modifiers:
            assert self.issuer is not None
            self.issuer = modify(self.issuer)
        return self

    def wait(self, duration: timedelta) -> Life:
        """Let time pass, with nobody looking."""
        self.now += duration
        return self

    def condition(self, type_: str) -> Condition | None:
        """A condition of the resource."""
        return find(self.status.conditions, type_)

    def reason(self, type_: str = "Ready") -> str:
        """Status and reason of a condition, as `True Issued`; empty where there is none."""
        condition = self.condition(type_)
        return f"{condition.status} {condition.reason}" if condition else ""

    @property
    def active(self) -> tuple[TokenRecord, ...]:
        """The tokens that a gate would honour by the record alone."""
        return tuple(token for token in self.status.tokens if inside_its_time(token, self.now))

    @property
    def current(self) -> TokenRecord:
        """The newest token on record."""
        return next(token for token in self.status.tokens if token.revision == self.status.revision)

    @property
    def stored(self) -> StoredSecret:
        """The Secret, which has to exist."""
        assert self.secret is not None
        return self.secret

    def _deliver(self, facts: Facts, issue: Issue) -> TokenRecord:
        id_ = new_token_id(facts.uid, issue.revision)
        spec = self.resource.spec
        if spec.delivery == Delivery.CALLER:
            value_digest = spec.token.value_digest
            assert value_digest is not None
            self.delivered.add(value_digest)
            return record_of(issue, id_=id_, key_id="", digest=value_digest, facts=facts)
        token, key_id = _minted(issue, self.issuer)
        record = record_of(issue, id_=id_, key_id=key_id, digest=digest(token), facts=facts)
        previous = self._previous(issue) if issue.overlap else ""
        self._write(secret_content.content(facts, record, token=token, previous_token=previous))
        return record

    def _previous(self, issue: Issue) -> str:
        assert issue.revision
        facts = self.facts(read=True)
        return (facts.token_read(facts.current) or "") if facts.current else ""

    def _write(self, content: Content) -> None:
        name = self.resource.spec.secret.token_key
        self.secret = self.secret or StoredSecret()
        self.secret.take(content)
        self.secret_writes += 1
        self.delivered.add(digest(content.data[name].decode()))


def _minted(issue: Issue, view: IssuerView | None) -> tuple[str, str]:
    if issue.format == Format.OPAQUE:
        return opaque.mint(issue.prefix), ""
    return f"e30.{secrets.token_hex(16)}.c2ln", view.signing_key_id if view else KEY_ID


def settled(*modifiers: Modifier, issuer_view: IssuerView | None = None) -> Life:
    """A life whose first token was issued and which has come to rest."""
    made = user_token(*modifiers)
    return Life(made, issuer_view or issuer(), secret=None).settle()


def secret_name(life: Life) -> str:
    """The name of the Secret that a resource wants."""
    return ownership.secret_name(life.resource)
