"""Workloads that are named in `restart`, on a node where they really run."""

from e2e import runners
from e2e.installation import SYSTEM, Site
from e2e.waiting import eventually

WAIT = "--timeout=90s"


def test_a_workload_rolls_exactly_once_for_a_new_token(site: Site, somewhere: str) -> None:
    admin = site.admin
    restart = [{"kind": "Deployment", "name": "agent"}]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": somewhere}}
    registration = runners.registration("agent", somewhere, restart=restart)
    runners.apply(admin, namespace, runners.deployment("agent", somewhere), registration)
    where = ("-n", somewhere)
    admin.kubectl("rollout", "status", *where, "deployment/agent", WAIT)
    admin.kubectl("wait", "--for=condition=Ready", *where, "rr/agent", WAIT)
    before = _rolled(site, somewhere)

    admin.kubectl("annotate", *where, "rr/agent", "mintmaster.dev/rotate=now")
    eventually(lambda: _rolled(site, somewhere) > before, "the workload rolls")
    admin.kubectl("rollout", "status", *where, "deployment/agent", WAIT)
    # Whoever leads next finds that it was done.
    former = site.leader
    admin.kubectl("delete", "pod", "-n", SYSTEM, former, "--wait=false")
    eventually(lambda: site.leader not in {"", former}, "somebody else leads")
    runners.apply(admin, runners.registration("later", somewhere))
    admin.kubectl("wait", "--for=condition=Ready", *where, "rr/later", WAIT)

    assert _rolled(site, somewhere) == before + 1
    site.await_rollouts()


def _rolled(site: Site, namespace: str) -> int:
    """How many pod templates the workload has had: one ReplicaSet for each."""
    return len(site.admin.read("replicasets", "-n", namespace)["items"])
