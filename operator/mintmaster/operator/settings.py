"""What can be set about the operator process, what it means and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, field

from mintmaster.kube.lease import unique_identity


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSettings:
    """Who leads."""

    name: str = "mintmaster-operator"
    duration: int = 15
    """Seconds that others wait after the leader's last renewal: how long a crash of the leader is felt."""
    renew_deadline: float = 10.0
    """Seconds without a renewal after which the leader ends itself."""
    retry_period: float = 2.0
    """Seconds between renewals: one small write each to the API server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSettings:
    """How hard to work."""

    workers: int = 48
    """Resources worked on at the same time. An API server on two cores is saturated by 32 to 64."""
    connections: int = 64
    """Connections to the API server, watches included."""
    audit_per_second: float = 50.0
    """Secrets per second that are read in the background to compare their content; one GET each."""
    first_retry: float = 0.5
    """Seconds before a failed resource is tried again; doubles with each failure."""
    longest_retry: float = 60.0
    """Seconds between tries at the most, so that the end of an outage is noticed soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything about one operator process."""

    namespace: str = "mintmaster-system"
    """Where the operator's Lease and the issuers' key Secrets live."""
    identity: str = field(default_factory=unique_identity)
    """This process among its replicas."""
    listen: str = "127.0.0.1:8081"
    """Address of probes and metrics. Plain HTTP; neither contains a secret."""
    resource_metrics: bool = True
    """Series per resource (renewal, expiry). At 100,000 resources that is 200,000 series: switch it off there."""
    lease: LeaseSettings = field(default_factory=LeaseSettings)
    work: WorkSettings = field(default_factory=WorkSettings)
