"""What a gate answers when it does not hear of the API server (I17, attacks 82), and about tokens just minted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from gate.harness import INACTIVE, gating
from gate.workbench import UID, Workbench
from kube.waiting import until
from mintmaster.gate.settings import Settings, VerificationSettings
from mintmaster.kube import config
from mintmaster.kube.client import Client
from reconcile.conftest import install
from reconcile.harness import Cluster, running

if TYPE_CHECKING:
    from gate.conftest import Tenant
    from gate.harness import Gate
    from mintmaster.localcluster.cluster import LocalCluster


async def test_82_a_gate_that_is_cut_off_says_how_old_its_answers_are_and_then_gives_none(
    disposable_cluster: LocalCluster,
) -> None:
    install(disposable_cluster)
    kubeconfig = disposable_cluster.kubeconfig
    async with Client(config.load(str(kubeconfig), None)) as client:
        user = Cluster(client, kubeconfig, "default", "mine")
        async with running(kubeconfig):
            scopes = [{"name": name} for name in ("api", "read_api", "introspect")]
            await user.ready_issuer(limits={"maxStaleness": "3m"}, scopes=scopes)
            await user.ready_runner()
            await user.ready_user("service", scopes=["introspect"])
        token = (await user.secret_data("runner-token"))["token"]
        async with gating(kubeconfig) as gate:
            gate.issuer = "mine"
            gate.credential = (await user.secret_data("service-token"))["token"]
            assert await gate.is_active(token)
            api_server = disposable_cluster.component("kube-apiserver")
            api_server.pause()
            try:
                await _cut_off(gate, token)
            finally:
                api_server.resume()
            gate.elapsed.ahead = 0.0
            assert await gate.is_active(token)
            assert (await gate.ask("GET", "/readyz")).status == 200


async def _cut_off(gate: Gate, token: str) -> None:
    heard = gate.process.copies.age
    gate.elapsed.ahead = 178.0 - heard
    answer = await gate.introspect(token)
    assert answer.json["active"] is True
    assert 177 <= int(answer.headers["Mintmaster-Staleness"]) < 180
    assert (await gate.introspect("unknown")).body == INACTIVE
    gate.elapsed.ahead = 181.0
    asked = (
        gate.introspect(token),
        gate.introspect(token, credential="unknown"),
        gate.revoke(token, credential=token),
        gate.ask("GET", gate.path("/jwks")),
        gate.ask("GET", "/issuers/unheard-of/jwks"),
        gate.ask("POST", gate.path("/k8s/tokenreview"), data=b"{}"),
    )
    for answer in await asyncio.gather(*asked):
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
    assert (await gate.ask("GET", "/readyz")).status == 503
    assert (await gate.ask("GET", "/healthz")).status == 200


async def test_a_short_max_staleness_has_everything_read_anew_in_time(
    gate: Gate, tenant: Tenant
) -> None:
    token = await tenant.runner_token()
    await tenant.cluster.edit_issuer(limits={"maxStaleness": "10s"})
    await until(lambda: gate.process.copies.strictest == 10.0)
    for passed in (5.0, 10.0, 15.0):
        gate.elapsed.ahead = passed
        await until(lambda: gate.process.copies.age < 5.0)
        assert await gate.is_active(token)
    assert (await gate.ask("GET", "/readyz")).status == 200


async def test_82_an_age_at_the_limit_is_answered_and_one_beyond_is_not() -> None:
    bench = Workbench()
    token = bench.issue()
    bench.age = 600.0
    answer = await bench.introspect(token)
    assert (answer.status, answer.headers["Mintmaster-Staleness"]) == (200, "600")
    bench.age = 600.1
    assert (await bench.introspect(token)).status == 503


async def test_a_gate_that_has_not_listed_everything_answers_503_about_any_issuer() -> None:
    bench = Workbench()
    bench.listed, bench.age = False, float("inf")
    for path in ("/jwks", "/issuers/unheard-of/jwks"):
        assert (await bench.ask("GET", path)).status == 503
    assert (await bench.ask("GET", "/readyz")).status == 503


async def test_callers_whom_only_the_api_server_knows_are_not_refused_when_it_is_away() -> None:
    bench = Workbench()
    token = bench.issue()
    async with bench.process.client:
        answer = await bench.post("/oauth2/introspect", {"token": token}, credential="stranger")
    assert answer.status == 503


def behind(bench: Workbench) -> str:
    """A token of the second revision, of which the gate has heard of the first."""
    bench.issue()
    claims = bench.claims() | {"jti": f"{UID}.2.00"}
    claims["mintmaster.dev"]["revision"] = 2
    return bench.sign(bench.header(), claims)


def catch_up(bench: Workbench, token: str) -> None:
    """The watch shows the second revision."""

    def recorded(body: dict[str, Any]) -> None:
        body["status"]["revision"] = 2
        body["status"]["tokens"][0] |= {"id": f"{UID}.2.00", "revision": 2}

    bench.issue(token=token, change=recorded)


async def test_a_token_minted_a_moment_ago_is_waited_for() -> None:
    bench = Workbench()
    token = behind(bench)
    asking = asyncio.create_task(bench.is_active(token))
    await until(lambda: bench.process.arrivals.count)
    catch_up(bench, token)
    assert await asking


async def test_a_token_that_the_watch_never_shows_is_inactive_in_the_end() -> None:
    patience = VerificationSettings(patience=0.01)
    bench = Workbench(settings=Settings(verification=patience))
    assert not await bench.is_active(behind(bench))
    assert bench.process.arrivals.count == 0


async def test_no_more_than_so_many_wait() -> None:
    bench = Workbench(settings=Settings(verification=VerificationSettings(max_waiting=1)))
    token = behind(bench)
    first = asyncio.create_task(bench.is_active(token))
    await until(lambda: bench.process.arrivals.count)
    assert not await bench.is_active(token)
    catch_up(bench, token)
    assert await first
