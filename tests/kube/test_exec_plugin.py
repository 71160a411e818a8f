"""Credentials from a command."""

import asyncio
import sys
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kube.fake_api import FakeApi, fails, says
from kube.waiting import FakeTime
from mintmaster.kube import exec_plugin
from mintmaster.kube.client import Client
from mintmaster.kube.config import Connection
from mintmaster.kube.errors import InvalidConfig
from mintmaster.kube.exec_plugin import ExecCommand, ExecPlugin
from mintmaster.kube.tls import ClientTLS

V1 = "client.authentication.k8s.io/v1"
COUNTING = """
import json, os, pathlib, sys
runs = pathlib.Path(sys.argv[1]) / "runs"
count = int(runs.read_text()) + 1 if runs.exists() else 1
runs.write_text(str(count))
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
(pathlib.Path(sys.argv[1]) / "info").write_text(json.dumps(info))
print(json.dumps({
    "apiVersion": info["apiVersion"], "kind": "ExecCredential",
    "status": {"token": f"{os.environ['WHO']}-{count}", **json.loads(sys.argv[2])},
}))
"""


def command(*arguments: str, **changes: Any) -> ExecCommand:
    values: dict[str, Any] = {"origin": "kubeconfig: exec", "api_version": V1, "hint": ""}
    values |= {"arguments": arguments, "environment": {"WHO": "me"}} | changes
    return ExecCommand(**values)


def python(source: str, *arguments: str, **changes: Any) -> ExecCommand:
    return command(sys.executable, "-c", source, *arguments, **changes)


def counting(folder: Path, time: FakeTime, **status: str) -> ExecPlugin:
    said = msgspec.json.encode(status).decode()
    return ExecPlugin(python(COUNTING, str(folder), said), ClientTLS(), time)


def expiry(time: FakeTime, seconds: float) -> str:
    return (time.now() + timedelta(seconds=seconds)).isoformat()


async def test_without_an_expiry_the_command_runs_once(tmp_path: Path, time: FakeTime) -> None:
    plugin = counting(tmp_path, time)
    assert await plugin.token() == "me-1"
    time.advance(1e6)
    assert await plugin.token() == "me-1"


async def test_it_runs_again_before_the_credential_expires(tmp_path: Path, time: FakeTime) -> None:
    plugin = counting(tmp_path, time, expirationTimestamp=expiry(time, 600))
    assert await plugin.token() == "me-1"
    time.advance(569)
    assert await plugin.token() == "me-1"
    time.advance(1)
    assert await plugin.token() == "me-2"


async def test_one_run_serves_all_who_wait(tmp_path: Path, time: FakeTime) -> None:
    plugin = counting(tmp_path, time)
    assert set(await asyncio.gather(*(plugin.token() for _ in range(5)))) == {"me-1"}


async def test_a_401_makes_it_run_again(tmp_path: Path, time: FakeTime, api: FakeApi) -> None:
    api.answers = [fails(401), says({})]
    tokens = counting(tmp_path, time)
    async with Client(Connection(server=api.url, tls=ClientTLS(), tokens=tokens)) as client:
        await client.get("/version")
    assert [request.headers["authorization"] for request in api.requests] == [
        "Bearer me-1",
        "Bearer me-2",
    ]


async def test_it_is_told_what_the_contract_says(tmp_path: Path) -> None:
    cluster = {"server": "https://x", "certificate-authority-data": b"pem"}
    plugin = ExecPlugin(python(COUNTING, str(tmp_path), "{}", cluster=cluster), ClientTLS())
    await plugin.token()
    assert msgspec.json.decode((tmp_path / "info").read_bytes()) == {
        "apiVersion": V1,
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            "cluster": {"server": "https://x", "certificate-authority-data": "cGVt"},
        },
    }


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('print(\'{"token": "hush"\')', "no ExecCredential"),
        (f'print(\'{{"apiVersion":"{V1}","kind":"Pod","status":{{"token":"hush"}}}}\')', V1),
        ("raise SystemExit(3)", "exit status 3"),
    ],
)
async def test_a_command_that_fails_is_named_and_not_quoted(source: str, said: str) -> None:
    with pytest.raises(InvalidConfig, match="kubeconfig: exec") as caught:
        await ExecPlugin(python(source), ClientTLS()).token()
    assert said in str(caught.value)
    assert "hush" not in "".join(traceback.format_exception(caught.value))


async def test_a_command_that_is_missing_comes_with_the_hint() -> None:
    missing = command("no-such-program", hint="Install it from example.org")
    with pytest.raises(InvalidConfig, match=r"no-such-program.*Install it"):
        await ExecPlugin(missing, ClientTLS()).token()


async def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exec_plugin, "PLUGIN_TIMEOUT", 0.1)
    with pytest.raises(InvalidConfig, match="no answer in time"):
        await ExecPlugin(python("import time; time.sleep(600)"), ClientTLS()).token()


def test_credentials_are_in_no_repr() -> None:
    credential = exec_plugin._Credential(token="hush", client_key_data="hush")
    assert "hush" not in repr(credential)
    assert "hush" not in repr(command(environment={"PASSWORD": "hush"}))
