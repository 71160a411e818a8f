"""Revocations as verifiers see them: introspection, TokenReview and status list, on a real API server."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from gate.conftest import SERVICES
from gate.harness import bearer, gating
from mintmaster.gate.settings import Settings
from mintmaster.localcluster.certificates import issue
from mintmaster.verify import StatusLists, TokenNotAccepted, Verifier
from reconcile.cluster_user import PATIENCE
from reconcile.reading import claims
from reconcile.status_list_reading import INVALID, VALID, entry, place_of, verified

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gate.conftest import Tenant
    from gate.harness import Gate
    from reconcile.harness import Cluster, SettableClock


@dataclass
class Eyes:
    """Three ways to look at a token."""

    gate: Gate

    async def introspection(self, token: str) -> bool:
        return await self.gate.is_active(token)

    async def review(self, token: str) -> bool:
        status = await self.gate.review(token, SERVICES)
        return bool(status.get("authenticated", False))

    async def status_list(self, token: str) -> bool:
        """What the list says, fetched and verified as a stranger would."""
        keys = (await self.gate.ask("GET", self.gate.path("/jwks"))).json["keys"]
        place = place_of(token)
        path = place.uri.removeprefix(claims(token)["iss"])
        answer = await self.gate.ask("GET", self.gate.path(path))
        assert answer.status == 200, answer
        said = verified(answer.body.decode(), keys, place.uri)
        assert entry(said, place.idx) in {VALID, INVALID}
        return entry(said, place.idx) == VALID

    async def all_see(self, token: str, *, active: bool) -> None:
        for look in (self.introspection, self.review, self.status_list):
            async with asyncio.timeout(PATIENCE):
                while await look(token) is not active:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.02)


async def test_two_revocations_are_seen_by_introspection_review_and_status_list(
    gate: Gate, tenant: Tenant
) -> None:
    await tenant.cluster.edit_issuer(statusList=True)
    await tenant.cluster.issuer_where(
        lambda it: it.status.observed_generation == it.metadata.generation
    )
    deleted, revoked = await tenant.runner_token(), await tenant.user_token()
    kept = await tenant.runner_token("kept")
    eyes = Eyes(gate)
    for token in (deleted, revoked, kept):
        await eyes.all_see(token, active=True)
    await tenant.cluster.kubectl("delete", "runnerregistration", "runner")
    answer = await gate.ask(
        "POST",
        gate.path("/oauth2/revoke"),
        form={"token": revoked},
        headers=bearer(revoked),
    )
    assert answer.status == 200
    await eyes.all_see(deleted, active=False)
    await eyes.all_see(revoked, active=False)
    await eyes.all_see(kept, active=True)


@asynccontextmanager
async def gate_over_tls(
    kubeconfig: Path, clock: SettableClock, folder: Path
) -> AsyncIterator[tuple[Gate, Path]]:
    """A gate whose URL a verifier may ask, and the CA to trust."""
    made = issue(folder)
    pair = made.serving
    settings = Settings(listen="127.0.0.1:0", tls_cert=pair.certificate, tls_key=pair.key)
    async with gating(kubeconfig, clock, settings) as gate:
        yield gate, made.authority


@pytest.mark.usefixtures("operator")
async def test_a_service_with_the_library_refuses_a_revoked_token_once_its_copy_is_too_old(
    kubeconfig: Path, clock: SettableClock, cluster_user: Cluster, tmp_path: Path
) -> None:
    elapsed = 1000.0
    async with gate_over_tls(kubeconfig, clock, tmp_path) as (gate, authority):
        url = f"https://{gate.process.address}/issuers/{cluster_user.issuer}"
        await cluster_user.ready_issuer(url=url, statusList=True)
        await cluster_user.ready_runner()
        token = (await cluster_user.secret_data("runner-token"))["token"]
        async with Verifier(
            url,
            audience=SERVICES,
            authority=authority,
            status_lists=StatusLists(),
            monotonic=lambda: elapsed,
        ) as verifier:
            assert (await verifier.verify(token)).subject.startswith("runner:")
            # Issued after the verifier fetched the list, and good all the same.
            await cluster_user.ready_runner("younger")
            younger = (await cluster_user.secret_data("younger-token"))["token"]
            await verifier.verify(younger)
            await cluster_user.edit_runner(revoked=True)
            async with asyncio.timeout(PATIENCE):
                while await cause_of_refusal(verifier, token) != "revoked":
                    elapsed += 46
                    await asyncio.sleep(0.05)
            await verifier.verify(younger)


async def cause_of_refusal(verifier: Verifier, token: str) -> str:
    """Why a token is not accepted; empty if it is."""
    try:
        await verifier.verify(token)
    except TokenNotAccepted as refused:
        return refused.cause
    return ""
