"""A renewal when its time has come, by an operator under its own account and the admission policies."""

import asyncio
from datetime import UTC, datetime, timedelta

from manifests.installation import SYSTEM, Installation
from manifests.patience import until
from manifests.people import runner
from manifests.teams import Team
from reconcile.harness import SettableClock, running


async def test_a_token_is_renewed(installation: Installation, team: Team) -> None:
    account = installation.service_account(SYSTEM, "mintmaster-operator")
    body = team.member.create(runner(team.namespace)).passed

    def has_revision(number: int) -> bool:
        return bool(team.admin.read(body)["status"].get("revision") == number)

    clock = SettableClock()
    async with running(account.kubeconfig, clock=clock) as operator:
        await asyncio.to_thread(until, lambda: has_revision(1), "the first issue")
        renew_at = team.admin.read(body)["status"]["renewAt"]
        operator.advance_to(datetime.strptime(renew_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC))
        operator.advance(timedelta(seconds=1))
        await asyncio.to_thread(until, lambda: has_revision(2), "the renewal")
        await operator.at_rest()
