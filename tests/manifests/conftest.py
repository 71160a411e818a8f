"""One installation for all tests of the manifests, with the operator running in it."""

import time
from collections.abc import Iterator

import pytest

from manifests.installation import Installation, User, installed
from mintmaster.localcluster.pytest_plugin import namespace_name


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("installation")) as made, made.operator_running():
        yield made


@pytest.fixture
def tenant(installation: Installation, request: pytest.FixtureRequest) -> Iterator[User]:
    """Somebody with the built-in role edit in a namespace of their own, and no other right."""
    namespace = namespace_name(request.node.name)
    admin = installation.admin
    admin.kubectl("create", "namespace", namespace)
    admin.kubectl("create", "serviceaccount", "-n", namespace, "tenant")
    admin.kubectl(
        *("create", "rolebinding", "-n", namespace, "tenant", "--clusterrole=edit"),
        f"--serviceaccount={namespace}:tenant",
    )
    made = installation.service_account(namespace, "tenant")
    made.kubectl("config", "set-context", "--current", f"--namespace={namespace}")
    await_aggregated_role(made)
    yield made
    admin.kubectl("delete", "namespace", namespace, "--wait=false")


def await_aggregated_role(tenant: User) -> None:
    """Wait for the controller that adds our roles to the built-in ones, a moment after they were applied."""
    deadline = time.monotonic() + 60
    while tenant.try_kubectl("auth", "can-i", "create", "runnerregistrations").returncode != 0:
        assert time.monotonic() < deadline, "the role edit was not extended"
        time.sleep(0.1)
