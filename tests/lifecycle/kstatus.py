"""What kstatus, and so Argo CD and Flux, make of a resource: the generic rules of sigs.k8s.io/cli-utils."""

from mintmaster.api.kinds import TokenResource
from mintmaster.lifecycle.conditions import find


def kstatus(resource: TokenResource) -> str:
    """InProgress, Failed, Current or Terminating."""
    meta, status = resource.metadata, resource.status
    if meta.deletion_timestamp is not None:
        return "Terminating"
    if status.observed_generation != meta.generation:
        return "InProgress"
    holding = {condition.type for condition in status.conditions if condition.status == "True"}
    if "Reconciling" in holding:
        return "InProgress"
    if "Stalled" in holding:
        return "Failed"
    ready = find(status.conditions, "Ready")
    return "Current" if ready is None or ready.status == "True" else "InProgress"
