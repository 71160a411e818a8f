"""What can be asked of a cluster, and what is refused before anything is done."""

import pytest

from mintmaster.localcluster import backends, control_plane, ports
from mintmaster.localcluster.errors import ClusterError
from mintmaster.localcluster.spec import Backend, ClusterSpec


@pytest.mark.parametrize("name", ["", "Upper", "a_b", "../up", "-a", "a-", "a" * 51])
def test_a_name_that_is_no_label_is_refused(name: str) -> None:
    with pytest.raises(ClusterError, match="no name for a cluster"):
        ClusterSpec(name=name)


def test_a_context_excludes_making_a_cluster() -> None:
    with pytest.raises(ClusterError, match="excludes kind"):
        ClusterSpec(context="work", backend=Backend.KIND)


@pytest.mark.parametrize("argument", ["v=5", "-v=5", "--", "--a b"])
@pytest.mark.parametrize("component", ["apiserver_args", "controller_manager_args", "etcd_args"])
def test_an_argument_in_another_form_is_refused(component: str, argument: str) -> None:
    with pytest.raises(ClusterError, match="--name=value"):
        ClusterSpec(**{component: (argument,)})  # type: ignore[arg-type] # of all the same type


@pytest.mark.parametrize(
    ("spec", "assets", "chosen"),
    [
        (ClusterSpec(), "", Backend.GO),
        (ClusterSpec(), "/programs", Backend.ASSETS),
        (ClusterSpec(backend=Backend.GO), "/programs", Backend.GO),
        (ClusterSpec(backend=Backend.KIND), "", Backend.KIND),
        (ClusterSpec(context="work"), "/programs", Backend.CONTEXT),
    ],
)
def test_one_backend_is_chosen(
    spec: ClusterSpec, assets: str, chosen: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", assets)

    assert backends.choose(spec) is chosen


def test_own_arguments_replace_those_of_the_same_name() -> None:
    defaults = ["--authorization-mode=Node,RBAC", "--profiling=false"]

    merged = control_plane._override(defaults, ["--authorization-mode=RBAC", "--v=4"])

    assert merged == ["--profiling=false", "--authorization-mode=RBAC", "--v=4"]


def test_ports_differ_and_lie_where_outgoing_connections_do_not() -> None:
    chosen = ports.free(20)

    assert len(set(chosen)) == 20
    assert all(ports.LOWEST <= port < ports._first_ephemeral() for port in chosen)
