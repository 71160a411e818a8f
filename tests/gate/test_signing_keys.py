"""Private keys of gate-signed issuers: found in a mounted folder, followed when they change, and never shown."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

import jwt
import msgspec
import pytest

from gate.minting_bench import MintingBench
from mintmaster.gate.knowledge import Knowledge
from mintmaster.gate.process import Process
from mintmaster.gate.settings import Settings
from mintmaster.gate.signing_keys import InvalidSigningKeys, SigningKeys
from mintmaster.kube.config import Connection
from mintmaster.kube.tls import ClientTLS
from mintmaster.tokens.keys import Algorithm, SigningKey
from reconcile.harness import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> MintingBench:
    return MintingBench(folder=tmp_path)


async def signed_by(bench: MintingBench) -> str:
    kid: str = jwt.get_unverified_header(await bench.access_token())["kid"]
    return kid


async def test_the_active_key_signs_and_no_other(bench: MintingBench) -> None:
    following = SigningKey.generate()
    bench.place(following)
    next_record = bench.key_record(following, state="Next")
    active = bench.key_record(bench.minting_key)
    bench.publish_applications(keys=[next_record, active])
    assert await signed_by(bench) == bench.minting_key.kid
    retired = active | {"state": "Retired"}
    bench.publish_applications(keys=[next_record | {"state": "Active"}, retired])
    assert await signed_by(bench) == following.kid


async def test_a_withdrawn_key_signs_nothing_before_the_operator_acts(bench: MintingBench) -> None:
    bench.publish_applications(withdrawnKeys=[bench.minting_key.kid])
    assert (await bench.token()).status == 503


@pytest.mark.parametrize("algorithm", list(Algorithm))
async def test_every_algorithm_signs_what_verifies(
    bench: MintingBench, algorithm: Algorithm
) -> None:
    bench.minting_key = SigningKey.generate(algorithm)
    bench.place(bench.minting_key)
    bench.publish_applications()
    assert (await bench.introspected(await bench.access_token()))["active"] is True


async def test_without_the_key_there_is_no_token_and_everything_else_goes_on(
    bench: MintingBench,
) -> None:
    token = await bench.access_token()
    absent = SigningKey.generate()
    both = [bench.key_record(absent), bench.key_record(bench.minting_key, state="Retired")]
    bench.publish_applications(keys=both)
    answer = await bench.token()
    assert (answer.status, answer.json["error"]) == (503, "temporarily_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    ready = await bench.ask("GET", "/readyz")
    assert ready.status == 200
    assert f"its active key {absent.kid}.pem is not in --signing-keys" in ready.body.decode()
    assert (await bench.introspected(token))["active"] is True
    series = (await bench.ask("GET", "/metrics")).body
    assert b"mintmaster_gate_issuers_without_key 1.0" in series


async def test_an_issuer_without_an_active_key_is_told_of(bench: MintingBench) -> None:
    bench.publish_applications(keys=[])
    assert "it has no active key" in (await bench.ask("GET", "/readyz")).body.decode()
    assert (await bench.token()).status == 503


async def test_15_a_key_of_an_operator_signed_issuer_signs_nothing_here(
    bench: MintingBench,
) -> None:
    bench.place(bench.key, within="default")
    assert bench.keys.of(bench.process.knowledge.issuers["default"]) is None
    answer = await bench.token(path="/oauth2/token")
    assert (answer.status, answer.json["error"]) == (404, "not_found")


async def test_i13_nothing_is_minted_by_a_clock_that_is_mistrusted(bench: MintingBench) -> None:
    bench.skew.mistrusted = True
    answer = await bench.token()
    assert (answer.status, answer.json["error"]) == (503, "temporarily_unavailable")
    bench.skew.mistrusted = False
    assert (await bench.token()).status == 200


# Files ---------------------------------------------------------------------------------------------


def mount(folder: Path, revision: str, *keys: SigningKey) -> None:
    """Put keys into a folder as kubelet mounts a Secret: behind a link that is exchanged as a whole."""
    content = folder / revision
    content.mkdir(parents=True)
    (content / "keys.json").write_text("{}")
    for key in keys:
        (content / f"{key.kid}.pem").write_bytes(key.to_pem())
        link = folder / f"{key.kid}.pem"
        if not link.is_symlink():
            link.symlink_to(f"..data/{key.kid}.pem")
    (folder / "..data_tmp").symlink_to(revision)
    (folder / "..data_tmp").rename(folder / "..data")
    for link in folder.glob("*.pem"):
        if not link.exists():
            link.unlink()


def kids(keys: SigningKeys) -> set[str]:
    return set(keys._keys)


def test_keys_lie_in_the_folder_or_in_folders_in_it(tmp_path: Path) -> None:
    here, below = SigningKey.generate(), SigningKey.generate()
    (tmp_path / f"{here.kid}.pem").write_bytes(here.to_pem())
    mount(tmp_path / "applications", "..2026_03_01", below)
    keys = SigningKeys(tmp_path, Knowledge())
    keys.open()
    assert kids(keys) == {here.kid, below.kid}


def test_a_mounted_secret_that_is_exchanged_is_read_again(tmp_path: Path) -> None:
    former, latter = SigningKey.generate(), SigningKey.generate()
    folder = tmp_path / "applications"
    mount(folder, "..2026_03_01", former)
    keys = SigningKeys(tmp_path, Knowledge())
    keys.open()
    mount(folder, "..2026_03_02", former, latter)
    keys.read()
    assert kids(keys) == {former.kid, latter.kid}
    mount(folder, "..2026_03_03", latter)
    keys.read()
    assert kids(keys) == {latter.kid}


def test_what_is_no_key_is_left_out_and_named_without_its_content(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good, other = SigningKey.generate(), SigningKey.generate()
    (tmp_path / f"{good.kid}.pem").write_bytes(good.to_pem())
    (tmp_path / "misnamed.pem").write_bytes(other.to_pem())
    (tmp_path / "damaged.pem").write_bytes(other.to_pem()[:-60])
    (tmp_path / "huge.pem").write_bytes(b"x" * 10_000_000)
    (tmp_path / "notes.txt").write_bytes(other.to_pem())
    keys = SigningKeys(tmp_path, Knowledge())
    with caplog.at_level(logging.DEBUG):
        keys.open()
    assert kids(keys) == {good.kid}
    named = {it.args[0] for it in caplog.records if isinstance(it.args, tuple) and it.args}
    assert {"misnamed.pem", "damaged.pem", "huge.pem"} <= named
    for key in (good, other):
        for line in key.to_pem().decode().splitlines()[1:-1]:
            assert line not in caplog.text
            assert line not in repr(keys)


def test_files_that_stay_as_they_are_are_not_read_again(tmp_path: Path) -> None:
    key = SigningKey.generate()
    (tmp_path / f"{key.kid}.pem").write_bytes(key.to_pem())
    keys = SigningKeys(tmp_path, Knowledge())
    keys.open()
    before = keys._keys
    keys.read()
    assert keys._keys is before


async def test_a_running_gate_follows_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = MintingBench(folder=tmp_path)
    following = SigningKey.generate()
    bench.publish_applications(keys=[bench.key_record(following)])
    monkeypatch.setattr("mintmaster.gate.signing_keys._CHECK_SECONDS", 0.01)
    task = asyncio.create_task(bench.keys.follow())
    try:
        (tmp_path / f"{following.kid}.pem").write_bytes(following.to_pem())
        async with asyncio.timeout(PATIENCE):
            while (await bench.token()).status != 200:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await signed_by(bench) == following.kid


async def test_a_key_that_is_missing_is_told_of_once_and_so_is_its_coming(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = MintingBench(folder=tmp_path)
    absent = SigningKey.generate()
    bench.publish_applications(keys=[bench.key_record(absent)])
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            bench.keys._tell()
        bench.place(absent)
        bench.keys._tell()
    told = [it.getMessage() for it in caplog.records if "key" in it.getMessage()]
    assert len([it for it in told if "is not in --signing-keys" in it]) == 1
    assert told[-1] == "every gate-signed issuer has its key at hand again"


async def test_a_folder_that_cannot_be_read_ends_the_gate_with_the_options_name(
    tmp_path: Path,
) -> None:
    missing = tmp_path / "missing"
    settings = Settings(listen="127.0.0.1:0", signing_keys=missing)
    process = Process(Connection("http://127.0.0.1:1", ClientTLS()), settings)
    with pytest.raises(InvalidSigningKeys, match=f"--signing-keys {missing}: "):
        await process.run(asyncio.Event())


async def test_the_command_says_which_folder_it_cannot_read(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    cluster = {"name": "x", "cluster": {"server": "http://127.0.0.1:1"}}
    context = {"name": "x", "context": {"cluster": "x", "user": "x"}}
    content = {
        "clusters": [cluster],
        "contexts": [context],
        "users": [{"name": "x", "user": {}}],
        "current-context": "x",
    }
    kubeconfig.write_bytes(msgspec.json.encode(content))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mintmaster", "gate", "--listen", "127.0.0.1:0"),
        *("--kubeconfig", str(kubeconfig), "--signing-keys", str(tmp_path / "missing")),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said_why = await process.communicate()
    assert process.returncode == 1
    assert b"error: --signing-keys " in said_why
    assert b"Traceback" not in said_why


def test_a_gate_without_a_folder_lacks_nothing(tmp_path: Path) -> None:
    bench = MintingBench(folder=tmp_path)
    bench.keys.folder = None
    bench.publish_applications(keys=[bench.key_record(SigningKey.generate())])
    assert bench.keys.lacks == ""
    assert list(bench.keys.missing) == ["applications"]


def test_a_key_that_vanishes_while_it_is_read_leaves_the_others_as_they_were(
    tmp_path: Path,
) -> None:
    bench = MintingBench(folder=tmp_path)
    dangling = tmp_path / "applications" / "gone.pem"
    dangling.symlink_to("nowhere")
    with pytest.raises(FileNotFoundError):
        bench.keys.read()
    assert bench.minting_key.kid in kids(bench.keys)
