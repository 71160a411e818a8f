"""What can be set about the operator process, what it means and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from mintmaster.api.kinds import TOKEN_KINDS
from mintmaster.kube.lease import unique_identity
from mintmaster.kube.scope import Scope
from mintmaster.lifecycle.shard import ALONE
from mintmaster.lifecycle.status_list_issue import Validity

if TYPE_CHECKING:
    from mintmaster.lifecycle.shard import Shard

SECRETS_INTERVAL = timedelta(minutes=10)
"""Between two looks at the same Secret where they are read by name: 17 reads a second for 10,000 of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSettings:
    """Who leads."""

    name: str = "mintmaster-operator"
    """The first shard's; the others' end with their number."""
    duration: int = 15
    """Seconds that others wait after the leader's last renewal: how long a crash of the leader is felt."""
    renew_deadline: float = 10.0
    """Seconds without a renewal after which the leader ends itself."""
    retry_period: float = 2.0
    """Seconds between renewals: one small write each to the API server."""

    @classmethod
    def lasting(cls, duration: timedelta) -> LeaseSettings:
        """Settings for a Lease that lasts so long: the leader ends itself when two thirds of that are over."""
        return cls(
            duration=int(duration.total_seconds()), renew_deadline=duration.total_seconds() * 2 / 3
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSettings:
    """How hard to work."""

    workers: int = 48
    """Resources worked on at the same time. An API server on two cores is saturated by 32 to 64."""
    renewals: int = 16
    """Of these, how many may be scheduled renewals with time to spare: more make the API server no quicker, and whoever
    waits for an edit waits behind them there, where no priority counts."""
    checks: int = 8
    """Of these, how many may be resources that were merely listed. Most need no request, so more would only keep the
    event loop from renewing the Lease, from answering probes and from what people wait for."""
    connections: int = 64
    """Connections to the API server, watches included."""
    audit_per_second: float = 50.0
    """Secrets per second that are read in the background to compare their content; one GET each."""
    first_retry: float = 0.5
    """Seconds before a failed resource is tried again; doubles with each failure."""
    longest_retry: float = 60.0
    """Seconds between tries at the most, so that the end of an outage is noticed soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSettings:
    """How it is noticed that somebody touched a Secret."""

    watched: bool = True
    """Whether Secrets with our label are listed and watched. A right to list them shows those of everybody; without it
    each is read by its name, in turn."""
    interval: timedelta = SECRETS_INTERVAL
    """Between two looks at the same Secret where they are read by name: one GET each. So long at the most a Secret that
    was deleted or edited stays so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusListSettings:
    """How status lists are published."""

    pace: float = 2.0
    """Seconds between two looks at all lists: a list that changed costs one write in that time, of 30 KB at most."""
    validity: Validity = field(default_factory=Validity)
    """How long verifiers may rely on a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything about one operator process."""

    namespace: str = "mintmaster-system"
    """Where the operator's Lease, the issuers' key Secrets and the status lists live."""
    identity: str = field(default_factory=unique_identity)
    """This process among its replicas."""
    listen: str = "127.0.0.1:8081"
    """Address of probes and metrics. Plain HTTP; neither contains a secret."""
    resource_metrics: bool = True
    """Series per resource (renewal, expiry). At 100,000 resources that is 200,000 series: switch it off there."""
    shards: tuple[Shard, ...] = (ALONE,)
    """The shards that this process may lead, one at a time: its own, or all of them."""
    scope: Scope = field(default_factory=Scope)
    """Which namespaces are served. In those that are listed one by one, each has some watches of its own."""
    secrets: SecretSettings = field(default_factory=SecretSettings)
    lease: LeaseSettings = field(default_factory=LeaseSettings)
    work: WorkSettings = field(default_factory=WorkSettings)
    status_lists: StatusListSettings = field(default_factory=StatusListSettings)

    @property
    def connections(self) -> int:
        """Connections to the API server: a watch holds one for as long as it stands."""
        watches = len(TOKEN_KINDS) + self.secrets.watched
        return self.work.connections + (len(self.scope.parts) - 1) * watches
