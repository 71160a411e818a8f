"""One installation for all tests of the manifests, and people to try it."""

from collections.abc import Iterator

import pytest

from manifests.attacking import await_state, secret
from manifests.audit import AuditLog
from manifests.installation import Installation, User, installed
from manifests.patience import until
from manifests.people import Object, Person, Rights, runner
from manifests.teams import Team, team_in
from mintmaster.localcluster.pytest_plugin import namespace_name


@pytest.fixture(scope="package")
def audit(tmp_path_factory: pytest.TempPathFactory) -> AuditLog:
    """The record of every request about Secrets in that cluster."""
    return AuditLog(tmp_path_factory.mktemp("audit"))


@pytest.fixture(scope="package")
def installation(
    tmp_path_factory: pytest.TempPathFactory, audit: AuditLog
) -> Iterator[Installation]:
    """A cluster on which everything is installed; nothing of it runs."""
    with installed(tmp_path_factory.mktemp("installation"), *audit.arguments()) as made:
        yield made


@pytest.fixture(scope="module")
def operating(installation: Installation) -> Iterator[Installation]:
    """The installation while the operator runs."""
    with installation.operator_running():
        yield installation


@pytest.fixture
def somewhere(installation: Installation, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own; its end is not waited for."""
    name = namespace_name(request.node.name)
    admin = installation.administrator
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    _ = admin.create(body).passed
    yield name
    _ = admin.delete(body).passed


@pytest.fixture
def team(installation: Installation, somewhere: str) -> Team:
    """Somebody who may edit in a namespace of their own, and has no other right."""
    return team_in(installation.administrator, somewhere)


@pytest.fixture
def victim(operating: Installation) -> Iterator[Object]:
    """A runner of somebody else with its token, and beside it a password that no operator made."""
    admin = operating.administrator
    namespace = namespace_name("victim")
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    _ = admin.create(body).passed
    _ = admin.create(secret(namespace, "password")).passed
    resource = admin.create(runner(namespace)).passed
    await_state(admin, resource, "Active")
    yield resource
    _ = admin.delete(body).passed


@pytest.fixture
def outsider(installation: Installation, somewhere: str) -> Team:
    """The same, but without what every authenticated user has."""
    admin = installation.administrator
    user = f"outsider-of-{somewhere}"
    member = admin.named(user, "system:unauthenticated")
    made = Team(admin, somewhere, member, user)
    Rights(admin).bind(user, "edit", somewhere)
    made.rights.wait(
        user,
        verb="create",
        group="mintmaster.dev",
        resource="runnerregistrations",
        namespace=somewhere,
    )
    return made


@pytest.fixture
def operator(installation: Installation) -> Person:
    """Whoever has the operator's account."""
    return installation.administrator.named(
        "system:serviceaccount:mintmaster-system:mintmaster-operator"
    )


@pytest.fixture
def gate(installation: Installation) -> Person:
    """Whoever has the account of gates."""
    return installation.administrator.named(
        "system:serviceaccount:mintmaster-system:mintmaster-gate"
    )


@pytest.fixture
def tenant(installation: Installation, somewhere: str) -> User:
    """Somebody with the built-in role edit in a namespace of their own, who uses kubectl with a real token."""
    admin = installation.admin
    admin.kubectl("create", "serviceaccount", "-n", somewhere, "tenant")
    admin.kubectl(
        *("create", "rolebinding", "-n", somewhere, "tenant", "--clusterrole=edit"),
        f"--serviceaccount={somewhere}:tenant",
    )
    made = installation.service_account(somewhere, "tenant")
    made.kubectl("config", "set-context", "--current", f"--namespace={somewhere}")
    await_aggregated_role(made)
    return made


def await_aggregated_role(tenant: User) -> None:
    """Wait for the controller that adds our roles to the built-in ones, a moment after they were applied."""
    question = ("auth", "can-i", "create", "runnerregistrations")
    until(lambda: tenant.try_kubectl(*question).returncode == 0, "the role edit is extended")
