"""Run:ai's own Python client, unmodified."""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from gate.compat.original_clients import environment, patient
from gate.compat.runai_bench import runai_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gate.compat.runai_bench import RunAiBench
    from gate.mint import Mint

pytestmark = patient

LIFE_OF_A_SERVICE_ACCOUNT = """
import json, sys
from runai.api_client import ApiClient
from runai.configuration import Configuration
from runai.runai_client import RunaiClient

base, client_id, secret = json.load(sys.stdin)

def client(client_id, secret):
    configuration = Configuration(
        client_id=client_id, client_secret=secret, runai_base_url=base
    )
    return RunaiClient(ApiClient(configuration)).authentication_and_authorization

boss = client(client_id, secret)
accounts = boss.service_accounts
made = accounts.create_service_account(service_account_creation_request={"name": "nightly"}).data
own = made["id"]
listed = [it["name"] for it in accounts.get_service_accounts().data]
shown = accounts.get_service_account_by_id(service_account_id=own).data
nightly = client(made["clientId"], made["clientSecret"])
keys = nightly.access_keys.get_access_keys().data
another = accounts.regenerate_service_account_secret(service_account_id=own).data
off = accounts.update_service_account_by_id(
    service_account_id=own, service_account_patch_request={"enabled": False}
).data
roles = [it["name"] for it in boss.roles.get_roles_v1().data]
accounts.delete_service_account_by_id(service_account_id=own)
json.dump(
    {
        "listed": listed,
        "shown": shown["clientId"] == made["clientId"],
        "keys": keys,
        "another": another["clientSecret"] != made["clientSecret"],
        "enabled": off["enabled"],
        "roles": roles,
    },
    sys.stdout,
)
"""

A_WRONG_SECRET = """
import json, sys
from runai.api_client import ApiClient
from runai.configuration import Configuration

base, client_id, secret = json.load(sys.stdin)
try:
    ApiClient(Configuration(client_id=client_id, client_secret="wrong", runai_base_url=base))
except ValueError as error:
    json.dump(str(error), sys.stdout)
"""


@pytest.fixture(scope="session")
def python() -> Path:
    """An interpreter that has the client; made before any operator runs, which installing would hold up."""
    return environment("runai") / "python"


@pytest.fixture
async def runai(python: Path, mint: Mint) -> AsyncIterator[RunAiBench]:
    async with runai_bench(mint) as bench:
        yield bench


async def run(runai: RunAiBench, python: Path, program: str) -> Any:
    """What a program that uses the client prints, in the name of an administrator's application."""
    client = await runai.application("boss", "Administrator")
    base = f"{runai.mint.gate.url}/issuers/{runai.issuer}"
    done = await asyncio.to_thread(
        subprocess.run,
        [str(python), "-c", program],
        input=json.dumps([base, client.client_id, client.client_secret]),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_the_client_leads_a_service_account_through_its_life(
    runai: RunAiBench, python: Path
) -> None:
    said = await run(runai, python, LIFE_OF_A_SERVICE_ACCOUNT)

    assert {"boss", "nightly", "portal"} == set(said.pop("listed"))
    assert said == {
        "shown": True,
        "keys": {"accessKeys": []},
        "another": True,
        "enabled": False,
        "roles": ["Researcher", "Editor", "Administrator"],
    }


async def test_the_client_says_at_once_that_a_secret_is_wrong(
    runai: RunAiBench, python: Path
) -> None:
    said = await run(runai, python, A_WRONG_SECRET)

    assert "Failed to get access token from response" in said
    assert "'code': 400" in said
