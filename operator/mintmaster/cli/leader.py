"""The operator that leads, as its Lease tells; each shard of one that runs as several."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from mintmaster.cli.findings import note, ok, problem
from mintmaster.cli.printing import duration
from mintmaster.kube import lease as kube_lease
from mintmaster.kube.errors import Forbidden, NotFound
from mintmaster.kube.paths import object_path
from mintmaster.kube.shard_leases import lease_name, recorded_count

if TYPE_CHECKING:
    from mintmaster.cli.findings import Finding
    from mintmaster.cli.session import Session

LEASE: Final = "mintmaster-operator"
SUBJECT: Final = "operator"

_START = (
    "Start one: mintmaster operator. Nothing is issued or renewed meanwhile; gates go on answering."
)


@dataclass(frozen=True, slots=True)
class Lease:
    """What a Lease says."""

    holder: str
    renewed_at: datetime | None
    lasts: timedelta

    def age(self, now: datetime) -> timedelta:
        """How long ago it was renewed."""
        return now - self.renewed_at if self.renewed_at else timedelta.max


async def look(session: Session, namespace: str) -> list[Finding]:
    """Say whether an operator leads; of one that runs as several shards, whether each has a leader."""
    try:
        first = await _read(session, namespace, LEASE)
        count = recorded_count(first) or 1
        others = [
            (f"shard {number}/{count}", await _read(session, namespace, lease_name(LEASE, number)))
            for number in range(2, count + 1)
        ]
    except Forbidden:
        return [note(SUBJECT, "its Lease cannot be read with these credentials")]
    # By the API server's clock, which all operators are held to; ours may be wrong.
    now = session.clock.now() - timedelta(seconds=session.skew.seconds)
    if count == 1:
        return [
            _found(
                SUBJECT, first, f"no operator has ever led here (no Lease {namespace}/{LEASE})", now
            )
        ]
    named = [(f"shard 1/{count}", first), *others]
    return [
        _found(f"{SUBJECT} {it}", lease, "it has never had a leader", now) for it, lease in named
    ]


async def _read(session: Session, namespace: str, name: str) -> kube_lease.Lease | None:
    path = object_path("coordination.k8s.io/v1", "leases", namespace, name)
    try:
        return msgspec.convert(await session.read(path), kube_lease.Lease)
    except NotFound:
        return None


def _found(subject: str, found: kube_lease.Lease | None, missing: str, now: datetime) -> Finding:
    if found is None:
        return problem(subject, missing, _START)
    spec = found.spec
    lease = Lease(
        holder=spec.holder_identity or "",
        renewed_at=datetime.fromisoformat(spec.renew_time) if spec.renew_time else None,
        lasts=timedelta(seconds=spec.lease_duration_seconds or 15),
    )
    return judged(lease, now, subject)


def judged(lease: Lease, now: datetime, subject: str = SUBJECT) -> Finding:
    """Say what follows from a Lease."""
    if not lease.holder:
        return problem(subject, "none leads: the last one has given its Lease away", _START)
    if lease.renewed_at is None or lease.age(now) > lease.lasts:
        when = f"{duration(lease.age(now))} ago" if lease.renewed_at else "never"
        return problem(subject, f"none leads: {lease.holder} renewed its Lease {when}", _START)
    return ok(subject, f"{lease.holder} leads, renewed {duration(lease.age(now))} ago")
