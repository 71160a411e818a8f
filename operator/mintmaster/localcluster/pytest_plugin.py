"""Fixtures for tests on a real control plane: `cluster`, `namespace`, `disposable_cluster`.

pytest loads this in every run of everybody who has Mintmaster installed, so that it imports what
it needs only when a fixture is asked for. KUBECONFIG is ignored: tests touch no cluster but
their own, unless --mintmaster-context names one.
"""

import re
import secrets
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mintmaster.localcluster.cluster import LocalCluster

LONGEST_NAMESPACE = 63
"""Characters of a namespace's name (RFC 1123 label)."""


class StartCluster(Protocol):
    """Starts a cluster that lives as long as the test; takes the fields of ClusterSpec."""

    def __call__(self, **fields: Any) -> "LocalCluster":
        """Bring the cluster up."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option to test on a cluster that exists."""
    parser.getgroup("mintmaster").addoption(
        "--mintmaster-context",
        metavar="NAME",
        help="run the tests that need a cluster on that of this context of your kubeconfig, "
        "instead of a control plane of their own",
    )


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> "Iterator[LocalCluster]":
    """Have one cluster for all tests of the run; it is empty at the start."""
    context = request.config.getoption("mintmaster_context")
    with _cluster(request.config, "tests", context=context) as started:
        yield started


@pytest.fixture
def namespace(cluster: "LocalCluster", request: pytest.FixtureRequest) -> "Iterator[str]":
    """Have a namespace for one test, named after it; it goes if the cluster stays, and that is not waited for."""
    name = namespace_name(request.node.name)
    metadata = {"name": name, "annotations": {"mintmaster.dev/test": request.node.nodeid}}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    cluster.api.request("POST", "/api/v1/namespaces", body)
    yield name
    # Its end costs dozens of requests, one per kind, which a cluster of the run's own can be spared.
    if request.config.getoption("mintmaster_context"):
        cluster.api.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def start_cluster(request: pytest.FixtureRequest) -> "Iterator[StartCluster]":
    """Have clusters for one test with settings of its own; they all go when it ends."""
    with ExitStack() as stack:
        yield lambda **fields: stack.enter_context(_cluster(request.config, "test", **fields))


@pytest.fixture
def disposable_cluster(start_cluster: StartCluster) -> "LocalCluster":
    """Have a cluster for one test alone, whose components it may stop and kill."""
    return start_cluster()


def namespace_name(test: str) -> str:
    """Make a name that tells the test and is not used again: test-renews-es256-3f9a1c."""
    suffix = secrets.token_hex(3)
    readable = re.sub(r"[^a-z0-9]+", "-", test.lower())[: LONGEST_NAMESPACE - len(suffix) - 1]
    return f"{readable.strip('-')}-{suffix}"


@contextmanager
def _cluster(config: pytest.Config, prefix: str, **fields: Any) -> "Iterator[LocalCluster]":
    """Bring up a temporary cluster, and take it down however the test ends."""
    # ruff: noqa: PLC0415 - most runs of pytest need none of this
    from mintmaster.localcluster import backends
    from mintmaster.localcluster.cluster import LocalCluster
    from mintmaster.localcluster.spec import ClusterSpec

    name = f"{prefix}-{secrets.token_hex(4)}"
    spec = ClusterSpec(name=name, temporary=True, **fields)
    backends.maker(backends.choose(spec)).prepare(_announce(config))
    started = LocalCluster.up(spec)
    try:
        yield started
    finally:
        started.down()


def _announce(config: pytest.Config) -> "Callable[[str], None]":
    """Print on the terminal, past the capturing of output: a build takes minutes."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    capture = config.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        if reporter is not None and capture is not None:
            with capture.global_and_fixture_disabled():
                reporter.ensure_newline()
                reporter.write_line(f"mintmaster: {text}")

    return say
