"""What all foreign APIs stand on, wired once for each gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mintmaster.gate.compat.cluster_requesters import ClusterRequesters
from mintmaster.gate.compat.creating import Creating
from mintmaster.gate.compat.requesters import Requesters
from mintmaster.gate.compat.resources import Resources
from mintmaster.kube.tracing import UNTRACED

if TYPE_CHECKING:
    from mintmaster.gate.callers import Callers
    from mintmaster.gate.clients import Clients
    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.gate.minting import Minting
    from mintmaster.gate.verification import Arrivals, Verification
    from mintmaster.kube.client import Client
    from mintmaster.kube.clock import Clock
    from mintmaster.kube.tracing import Tracing


@dataclass(frozen=True, slots=True)
class Foundation:
    """Who asks, what there is, and how more of it is made."""

    knowledge: Knowledge
    requesters: Requesters
    cluster_requesters: ClusterRequesters
    resources: Resources
    creating: Creating
    clients: Clients
    minting: Minting
    clock: Clock


def founded(  # noqa: PLR0913 - the parts of a gate
    *,
    client: Client,
    knowledge: Knowledge,
    verification: Verification,
    arrivals: Arrivals,
    callers: Callers,
    minting: Minting,
    clock: Clock,
    patience: float,
    tracing: Tracing = UNTRACED,
) -> Foundation:
    """Wire the foundation of one gate's foreign APIs."""
    resources = Resources(client, knowledge)
    return Foundation(
        knowledge=knowledge,
        requesters=Requesters(verification, callers, arrivals, patience),
        cluster_requesters=ClusterRequesters(callers),
        resources=resources,
        creating=Creating(resources, arrivals, tracing),
        clients=callers.clients,
        minting=minting,
        clock=clock,
    )
