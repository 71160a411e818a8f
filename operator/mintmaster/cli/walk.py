"""The walk from a resource over its issuer and its Secret to the key: each step says what is wrong and what to do.

Pure: what was read is given, what could not be read is said to be unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from mintmaster.api.reasons import ConditionType
from mintmaster.api.token_issuer import KeyState, Signer
from mintmaster.api.token_spec import Delivery, MintedSpec
from mintmaster.cli.findings import from_condition, note, ok, problem
from mintmaster.cli.printing import duration, moment
from mintmaster.gate.issuer import known_issuer
from mintmaster.lifecycle import ownership
from mintmaster.lifecycle.conditions import find
from mintmaster.lifecycle.ownership import Claim
from mintmaster.tokens.verifier import signature_holds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mintmaster.api.kinds import TokenResource
    from mintmaster.api.meta import Condition
    from mintmaster.api.status import TokenRecord
    from mintmaster.api.token_issuer import TokenIssuer
    from mintmaster.cli.findings import Finding
    from mintmaster.lifecycle.secret_view import Reading

RENEWAL_GRACE = timedelta(minutes=5)
"""How long after its moment a renewal may be under way before it is called overdue."""

_DOCTOR = "Is an operator running? mintmaster doctor"


class Unknown(Enum):
    """Stands for what these credentials may not read."""

    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything that one walk looks at."""

    kind: str
    resource: TokenResource
    issuer: TokenIssuer | Unknown | None
    reading: Reading | Unknown | None
    now: datetime

    @property
    def current(self) -> TokenRecord | None:
        """The newest token on record."""
        status = self.resource.status
        return next((it for it in status.tokens if it.revision == status.revision), None)


def walk(found: Gathered) -> Iterator[Finding]:
    """Walk from the resource to the key."""
    meta, spec = found.resource.metadata, found.resource.spec
    if meta.deletion_timestamp is not None:
        yield note("resource", "it is being deleted; its tokens are inactive")
        return
    if spec.revoked:
        yield _revoked(found)
        return
    yield from _resource(found)
    yield from issuer_steps(spec.issuer_ref.name, found.issuer)
    if spec.delivery == Delivery.CALLER:
        yield ok("delivery", "only the caller holds the token; there is no Secret")
    else:
        yield from _secret(found)
    yield from _token(found)


def issuer_steps(name: str, issuer: TokenIssuer | Unknown | None) -> Iterator[Finding]:
    """What is to be said of an issuer: whether it exists, and whether it can mint."""
    subject = f"issuer {name}"
    if isinstance(issuer, Unknown):
        yield note(subject, "it cannot be read with these credentials")
        return
    if issuer is None:
        yield problem(
            subject, "there is none of this name", "Create it; a wrong name cannot be changed."
        )
        return
    ready = find(issuer.status.conditions, ConditionType.READY)
    if ready is None and issuer.spec.signer is Signer.OPERATOR:
        yield problem(subject, "no operator has seen it yet", _DOCTOR)
    elif ready is not None and ready.status != "True":
        yield from_condition(subject, ready)
    else:
        yield ok(subject, f"{issuer.spec.url}, signed by {issuer.spec.signer.value}")
    yield from _keys(subject, issuer)


def _keys(subject: str, issuer: TokenIssuer) -> Iterator[Finding]:
    """Whether one key signs, as the status tells."""
    active = [key for key in issuer.status.keys if key.state == KeyState.ACTIVE]
    if active:
        yield ok(f"{subject} keys", f"{active[0].id} ({active[0].algorithm}) signs")
    elif issuer.spec.signer is Signer.OPERATOR:
        yield problem(f"{subject} keys", "no key signs", "See the conditions of the TokenIssuer.")


def _revoked(found: Gathered) -> Finding:
    revoked = find(found.resource.status.conditions, ConditionType.REVOKED)
    if revoked is None or revoked.status != "True":
        return note("resource", "revoked: its tokens are inactive; its Secret is about to go")
    return ok("resource", "revoked: its tokens are inactive, for good")


def _resource(found: Gathered) -> Iterator[Finding]:
    meta, status = found.resource.metadata, found.resource.status
    if status.uid and status.uid != meta.uid:
        yield problem("resource", "its status is of another life, as after a restore", _DOCTOR)
        return
    if status.observed_generation != meta.generation:
        yield problem("resource", "the operator has not acted on its last edit yet", _DOCTOR)
    spec = found.resource.spec
    if isinstance(spec, MintedSpec) and spec.suspend:
        yield note("resource", "suspended: nothing new is issued", "Remove spec.suspend to go on.")
    yield from _conditions(status.conditions)


def _conditions(conditions: tuple[Condition, ...]) -> Iterator[Finding]:
    ready = find(conditions, ConditionType.READY)
    if ready is not None:
        good = ready.status == "True"
        yield (
            ok("resource", f"{ready.reason}: {ready.message}")
            if good
            else from_condition("resource", ready)
        )
    failing = find(conditions, ConditionType.RENEWAL_FAILING)
    if failing is not None and failing.status == "True":
        yield from_condition("renewal", failing)
    restarts = find(conditions, ConditionType.RESTARTS_SUCCEEDED)
    if restarts is not None and restarts.status != "True":
        yield problem("restarts", restarts.message, "See that the workloads exist and consent.")


def _secret(found: Gathered) -> Iterator[Finding]:
    subject = f"secret {ownership.secret_name(found.resource)}"
    if isinstance(found.reading, Unknown):
        yield note(subject, "it cannot be read with these credentials")
    elif found.reading is None:
        if found.current is not None:
            yield problem(subject, "it is missing", f"The operator makes it anew. {_DOCTOR}")
    elif ownership.claim(found.kind, found.resource, found.reading.view) is not Claim.OURS:
        yield problem(
            subject, "it belongs to somebody else", "See SecretConflict in docs/reasons.md."
        )
    else:
        yield _content(subject, found, found.reading)


def _content(subject: str, found: Gathered, reading: Reading) -> Finding:
    """Whether the Secret holds the current token, and the issuer signed it."""
    key = found.resource.spec.secret.token_key
    current = found.current
    if current is None or reading.view.value_digests.get(key) != current.digest:
        return problem(subject, f"what lies under {key!r} is not the current token", _DOCTOR)
    if current.key_id and not _signed(found, reading.data[key]):
        return problem(subject, f"the signature of what lies under {key!r} does not hold", _DOCTOR)
    edited = "" if reading.view.untouched else ", but other data of it was edited"
    return ok(subject, f"it holds the current token under {key!r}{edited}")


def _signed(found: Gathered, token: bytes) -> bool:
    """Whether the issuer's published keys verify the token; without them nothing is claimed."""
    if found.issuer is None or isinstance(found.issuer, Unknown):
        return True
    return signature_holds(token, known_issuer(found.issuer).keys)


def _token(found: Gathered) -> Iterator[Finding]:
    current = found.current
    if current is None:
        return
    subject = f"token revision {current.revision}"
    if current.expires_at is not None and found.now >= current.expires_at:
        yield problem(subject, f"expired {moment(current.expires_at, found.now)}", _DOCTOR)
    elif current.valid_until is not None and found.now >= current.valid_until:
        yield problem(subject, f"void since {moment(current.valid_until, found.now)}", _DOCTOR)
    else:
        yield from _in_time(subject, found, current)
    yield from _key_of(current, found.issuer)


def _in_time(subject: str, found: Gathered, current: TokenRecord) -> Iterator[Finding]:
    renew_at = found.resource.status.renew_at
    if renew_at is not None and found.now > renew_at + RENEWAL_GRACE:
        late = duration(found.now - renew_at)
        yield problem(subject, f"its renewal is overdue for {late}", _DOCTOR)
    else:
        yield ok(subject, f"expires {moment(current.expires_at, found.now) or 'never'}")


def _key_of(current: TokenRecord, issuer: TokenIssuer | Unknown | None) -> Iterator[Finding]:
    """Whether the key that signed the token is still published."""
    if not current.key_id or issuer is None or isinstance(issuer, Unknown):
        return
    subject, kid = "key", current.key_id
    key = next((key for key in issuer.status.keys if key.id == kid), None)
    withdrawn = kid in issuer.spec.withdrawn_keys
    if key is None or withdrawn or key.state == KeyState.WITHDRAWN:
        text = f"{kid} signed the token and counts no longer"
        yield problem(subject, text, f"A new token is due. {_DOCTOR}")
    else:
        yield ok(subject, f"{kid} signed the token and is {key.state}")
