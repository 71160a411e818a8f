"""When a token is renewed, how long it lives and how long its predecessor stays active."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from mintmaster.api import durations
from mintmaster.api.reasons import Reason
from mintmaster.lifecycle.issuer_view import Obstacle

if TYPE_CHECKING:
    from datetime import datetime

    from mintmaster.api.client_application import ClientApplicationSpec
    from mintmaster.api.status import TokenRecord, TokenStatus
    from mintmaster.api.token_spec import TokenSpec
    from mintmaster.lifecycle.issuer_view import IssuerView

MIN_LIFETIME = timedelta(minutes=10)
"""Shorter tokens would spend their life being renewed: two requests to the API server each."""

MIN_RENEWAL_INTERVAL = timedelta(minutes=5)
"""Renewing more often costs the API server more than a shorter-lived token is worth."""

MAX_OVERLAPPING = 2
"""How many superseded tokens a schedule may keep active at once. Requests and drift stop at six live tokens, and the
status has room for eight: two scheduled renewals must be able to follow before the first of the six has ended."""

DEFAULT_RENEW_FRACTION = 3
"""Without `renewBefore`, a token is renewed when one third of its lifetime is left."""

JITTER_FRACTION = 10
"""Renewals are moved earlier by up to a tenth of the interval, so that what was made together spreads out; never
below the least interval."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The effective times of one resource's tokens."""

    lifetime: timedelta
    renew_before: timedelta
    overlap: timedelta

    @property
    def interval(self) -> timedelta:
        """From issue to renewal, before jitter."""
        return self.lifetime - self.renew_before

    @property
    def shortest_interval(self) -> timedelta:
        """From issue to renewal, with all the jitter there can be."""
        room = max(self.interval - MIN_RENEWAL_INTERVAL, timedelta())
        return self.interval - min(self.interval / JITTER_FRACTION, room)

    def renew_at(self, issued_at: datetime, uid: str) -> datetime:
        """When a token issued then is renewed: jittered by the UID, so it is the same after every restart."""
        share = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:4]) / 2**32
        early = (self.interval - self.shortest_interval) * share
        return issued_at + timedelta(seconds=int((self.interval - early).total_seconds()))


def effective(spec: TokenSpec, issuer: IssuerView) -> Schedule:
    """The schedule of a token issued now; may be one that `obstacle` refuses."""
    lifetime = durations.parse(spec.lifetime or issuer.spec.limits.default_lifetime)
    return Schedule(
        lifetime=lifetime,
        renew_before=_renew_before(spec, lifetime),
        overlap=durations.parse(spec.overlap),
    )


def renewal_of(record: TokenRecord, spec: TokenSpec, uid: str) -> datetime | None:
    """When a recorded token is due for renewal: counted from the lifetime really issued; None: never."""
    if record.expires_at is None:
        return None
    lifetime = record.expires_at - record.issued_at
    # A `renewBefore` that does not fit this token (it was edited since) must not mean "renew all the time".
    renew_before = min(
        _renew_before(spec, lifetime), max(lifetime - MIN_RENEWAL_INTERVAL, timedelta())
    )
    return Schedule(lifetime, renew_before, timedelta()).renew_at(record.issued_at, uid)


def late_at(status: TokenStatus) -> datetime | None:
    """When a renewal becomes urgent: in the middle between its moment and the expiry; None: never."""
    renew_at, expires_at = status.renew_at, status.expires_at
    if renew_at is None or expires_at is None or expires_at <= renew_at:
        return None
    return renew_at + (expires_at - renew_at) / 2


def obstacle(schedule: Schedule, issuer: IssuerView) -> Obstacle | None:
    """Why no token can be issued on this schedule, or None."""
    return _too_long("spec.token.lifetime", schedule.lifetime, issuer) or _misfit(
        schedule, "spec.token"
    )


def application_obstacle(spec: ClientApplicationSpec, issuer: IssuerView) -> Obstacle | None:
    """Why an application can have no access tokens or no client secret as long-lived as it asks for, or None.

    The issuer limits what is signed in its name; a client secret is not, and may live on.
    """
    asked = spec.access_token_lifetime
    if asked is not None:
        too_long = _too_long("spec.accessTokenLifetime", durations.parse(asked), issuer)
        if too_long is not None:
            return too_long
    if spec.client_secret.lifetime is None:
        return None
    return _misfit(effective(spec.token, issuer), spec.TOKEN_FIELD)


def _too_long(field: str, lifetime: timedelta, issuer: IssuerView) -> Obstacle | None:
    longest = issuer.spec.limits.max_lifetime
    if lifetime <= durations.parse(longest):
        return None
    return Obstacle(
        Reason.LIFETIME_TOO_LONG,
        f"{field} is longer than the {longest} that issuer {issuer.name!r} allows: shorten it,"
        " or have limits.maxLifetime of the issuer raised.",
    )


def _misfit(schedule: Schedule, section: str) -> Obstacle | None:
    problem = _problem(schedule, section)
    return Obstacle(Reason.SCHEDULE_INVALID, problem) if problem else None


def _problem(schedule: Schedule, section: str) -> str:
    lifetime = durations.format(schedule.lifetime)
    if schedule.lifetime < MIN_LIFETIME:
        return f"The lifetime of {lifetime} is below the minimum of 10m."
    if schedule.renew_before >= schedule.lifetime:
        return f"{section}.renewBefore must be shorter than the lifetime of {lifetime}."
    if schedule.interval < MIN_RENEWAL_INTERVAL:
        return (
            f"A lifetime of {lifetime} renewed {durations.format(schedule.renew_before)} before its end"
            " means a renewal more often than every 5m: lengthen the lifetime or shorten renewBefore."
        )
    if schedule.overlap >= schedule.lifetime:
        return f"{section}.overlap must be shorter than the lifetime of {lifetime}."
    if schedule.overlap > schedule.shortest_interval * MAX_OVERLAPPING:
        return (
            f"{section}.overlap spans more than two renewals, so more tokens could be active than a status"
            " can hold: shorten the overlap or renew less often."
        )
    return ""


def _renew_before(spec: TokenSpec, lifetime: timedelta) -> timedelta:
    if spec.renew_before:
        return durations.parse(spec.renew_before)
    if spec.renew_before_percentage is not None:
        return timedelta(seconds=int(lifetime.total_seconds() * spec.renew_before_percentage / 100))
    return timedelta(seconds=int(lifetime.total_seconds() / DEFAULT_RENEW_FRACTION))
