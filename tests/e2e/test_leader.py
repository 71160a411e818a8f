"""The pod that leads goes."""

from e2e import runners
from e2e.installation import SYSTEM, Site
from e2e.waiting import eventually


def test_the_standby_takes_over_when_the_leaders_pod_is_deleted(site: Site, somewhere: str) -> None:
    former = site.leader
    (standby,) = set(site.pods("operator")) - {former}
    runners.apply(site.admin, _namespace(somewhere))

    site.admin.kubectl("delete", "pod", "-n", SYSTEM, former, "--wait=false")
    eventually(lambda: site.leader == standby, "the standby leads")
    runners.apply(site.admin, runners.registration("next", somewhere))

    site.admin.kubectl(
        *("wait", "--for=condition=Ready", "-n", somewhere, "rr/next", "--timeout=60s")
    )
    site.await_rollouts()
    assert former not in site.pods("operator")


def _namespace(name: str) -> runners.Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
