"""One node for all tests, and Mintmaster on it, which was upgraded while runners worked."""

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e import installation, runners
from e2e.images import ROOT, Images
from e2e.installation import SYSTEM, Site
from e2e.runners import Object, Runner
from e2e.waiting import eventually
from manifests.installation import User
from mintmaster.localcluster.cluster import LocalCluster
from mintmaster.localcluster.node import Node, cluster_spec
from mintmaster.localcluster.pytest_plugin import namespace_name

OLD_NAMES = [f"old-{number}" for number in range(20)]
"""Registrations that were there before the upgrade."""

SHORT_LIVED: Object = {"lifetime": "10m", "renewBefore": "5m", "overlap": "2m"}
"""As often renewed as can be: every five minutes."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the folder with the images that `python -m e2e` built."""
    parser.addoption("--image-folder", type=Path, help="made by python -m e2e")


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave these tests to `make e2e`: they need root, a container runtime and the images."""
    return True if config.getoption("image_folder", None) is None else None


@pytest.fixture(scope="session")
def images(request: pytest.FixtureRequest) -> Images:
    """The images under test."""
    return Images(request.config.getoption("image_folder"))


@pytest.fixture(scope="session")
def admin(images: Images) -> Iterator[User]:
    """The administrator of a cluster with a node, which has our image."""
    cluster = LocalCluster.up(cluster_spec(f"e2e-{secrets.token_hex(4)}"))
    try:
        node = Node.up(cluster, images.pause)
        try:
            node.load(images.image)
            yield User(cluster.kubectl, cluster.kubeconfig)
        finally:
            node.down()
    finally:
        cluster.down()


@pytest.fixture(scope="session")
def former_site(admin: User, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Mintmaster as it was before its manifests were changed last."""
    folder = tmp_path_factory.mktemp("former")
    site = installation.prepared(admin)
    with telling(site):
        site.install(installation.former(folder / "sources"), folder / "applied")
        yield site


@pytest.fixture(scope="session")
def veteran(former_site: Site) -> Runner:
    """A runner that was at work before the upgrade, with a token of ten minutes."""
    return runners.start(former_site.admin, "veteran", former_site.authority, SHORT_LIVED)


@pytest.fixture(scope="session")
def old_tokens(former_site: Site, veteran: Runner) -> dict[str, Object]:
    """The Secrets of registrations that were there before the upgrade, by name."""
    admin = former_site.admin
    runners.apply(admin, *(runners.registration(name, "veteran") for name in OLD_NAMES))
    names = [f"rr/{name}" for name in OLD_NAMES]
    admin.kubectl("wait", "--for=condition=Ready", "-n", "veteran", *names, "--timeout=60s")
    return secrets_of(admin)


@pytest.fixture(scope="session")
def site(
    former_site: Site,
    old_tokens: dict[str, Object],
    tmp_path_factory: pytest.TempPathFactory,
) -> Site:
    """Mintmaster as it is, applied over what it was."""
    former_site.install(ROOT, tmp_path_factory.mktemp("upgraded") / "applied")
    eventually(lambda: former_site.leader != "", "an operator of the new version leads")
    return former_site


@pytest.fixture
def somewhere(request: pytest.FixtureRequest) -> str:
    """The name of a namespace of the test's own, which goes with the cluster."""
    return namespace_name(request.node.name)


def secrets_of(admin: User) -> dict[str, Object]:
    """The Secrets of the registrations OLD_NAMES, by the names of those."""
    found = admin.read("secrets", "-n", "veteran")["items"]
    ours = {it["metadata"]["labels"].get("mintmaster.dev/name"): it for it in found}
    return {name: ours[name] for name in OLD_NAMES}


@contextmanager
def telling(site: Site) -> Iterator[None]:
    """Print in the end how the pods are and what ours said, for whoever reads about a test that failed."""
    try:
        yield
    finally:
        for command in (
            ("get", "pods", "-A", "-o", "wide"),
            ("get", "events", "-n", SYSTEM),
            ("logs", "-n", SYSTEM, "-l", "app.kubernetes.io/name=mintmaster", "--tail=40"),
        ):
            sys.stderr.write(site.admin.try_kubectl(*command).stdout)
