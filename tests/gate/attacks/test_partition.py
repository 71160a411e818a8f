"""A gate that loses the API server, which refuses connections (attacks 82, I17), to the second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate.conftest import SERVICES
from gate.harness import gating
from kube.waiting import until
from mintmaster.api.kinds import RUNNER_REGISTRATION
from mintmaster.kube import config
from mintmaster.kube.client import Client
from reconcile.conftest import install
from reconcile.harness import Cluster, running

if TYPE_CHECKING:
    from gate.harness import Gate
    from mintmaster.localcluster.cluster import LocalCluster

LIMIT = 180
"""`maxStaleness` of the issuer, in seconds."""


async def test_82_a_gate_without_the_api_server_answers_until_the_second_that_its_issuer_names(
    disposable_cluster: LocalCluster,
) -> None:
    install(disposable_cluster)
    kubeconfig = disposable_cluster.kubeconfig
    async with Client(config.load(str(kubeconfig), None)) as client:
        user = Cluster(client, kubeconfig, "default", "mine")
        async with running(kubeconfig):
            await user.ready_issuer(limits={"maxStaleness": f"{LIMIT}s"})
            await user.ready_runner()
        token = (await user.secret_data("runner-token"))["token"]
        async with gating(kubeconfig) as gate:
            gate.issuer = "mine"
            api_server = disposable_cluster.component("kube-apiserver")
            api_server.stop()
            await cut_off(gate, token)
            api_server.start()
            disposable_cluster.wait_ready()
            assert (await gate.review(token, SERVICES))["authenticated"] is True
            await user.delete(RUNNER_REGISTRATION, "runner")
            # Heard of, although the watch was cut off meanwhile.
            await until(lambda: not len(gate.process.knowledge), seconds=60)
            assert await gate.review(token, SERVICES) == {"authenticated": False}


async def cut_off(gate: Gate, token: str) -> None:
    """Let time pass until no answer may be given any more, and take it back."""
    gate.elapsed.stop()
    heard = gate.process.copies.age
    for age in (1, LIMIT - 1):
        gate.elapsed.ahead = age + 0.5 - heard
        assert (await gate.review(token, SERVICES))["authenticated"] is True
        assert (await gate.review("unknown", SERVICES)) == {"authenticated": False}
        keys = await gate.ask("GET", gate.path("/jwks"))
        assert (keys.status, keys.headers["Mintmaster-Staleness"]) == (200, str(age))
        assert (await gate.ask("GET", "/readyz")).status == 200
    gate.elapsed.ahead = LIMIT + 0.5 - heard
    for path in ("/jwks", "/.well-known/openid-configuration"):
        answer = await gate.ask("GET", gate.path(path))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert (await gate.ask("POST", gate.path("/k8s/tokenreview"), data=b"{}")).status == 503
    assert (await gate.introspect(token, credential=token)).status == 503
    assert (await gate.ask("GET", "/readyz")).status == 503
    gate.elapsed.go_on()
