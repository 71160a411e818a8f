"""No twelve characters of a token or a private key anywhere but in its Secret (I14)."""

from __future__ import annotations

import base64
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from mintmaster.api.kinds import CLIENT_APPLICATION, TOKEN_ISSUER
from mintmaster.api.names import CLIENT_SECRET_PREFIX
from mintmaster.kube.errors import NotFound
from mintmaster.operator import issuing, minting
from reconcile.builders import application, key_secret, quota, secret
from reconcile.faults.inspection import settled
from reconcile.faults.tampering import Disturbance, Target, process_with
from reconcile.harness import running
from reconcile.reading import is_ready, is_ready_at, is_settled, is_unready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mintmaster.operator.minting import Minted
    from reconcile.cluster_user import Cluster

LENGTH = 12

SCALAR = slice(48, 90)
"""Where the private number of an ES256 key lies in the base64 of its PKCS #8 form (RFC 5958, RFC 5915)."""


@pytest.fixture
def minted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every token that is minted during the test, also those that reach no Secret or no record."""
    tokens: list[str] = []

    def mint(*arguments: Any) -> Minted:
        made = original(*arguments)
        if made.token is not None:
            tokens.append(made.token)
        return made

    original = minting.mint
    monkeypatch.setattr(issuing, "mint", mint)
    return tokens


async def test_nothing_secret_is_anywhere_but_in_secrets(
    cluster_user: Cluster, minted: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fault = Disturbance(Target("PATCH", "runnerregistrations/status", within="/faulty/"), _fail)
    async with running(cluster_user.kubeconfig, process_type=process_with(fault)) as operator:
        await _whole_life(cluster_user)
        await _troubles(cluster_user)
        await operator.at_rest()
        keys = await cluster_user.secret_data(key_secret(cluster_user.issuer), "mintmaster-system")
        _, metrics = await operator.http("/metrics")
        stored = await _everything(cluster_user)
    assert "this is a defect" in caplog.text, "no traceback was logged"
    assert len(minted) > 11
    haystack = "\n".join((caplog.text, metrics, stored))
    found = [where for where, fragment in _fragments(minted, keys) if fragment in haystack]
    # Not the fragments themselves: a failure's text is no place for them either.
    assert not found


async def _fail() -> None:
    raise RuntimeError("this is a defect")


async def _whole_life(user: Cluster) -> None:
    """Issue, rotate, drift, edit and revoke, as JWT and opaque, an admin's token and a client secret among them."""
    await user.ready_issuer()
    template = {"data": {"config": "token = {{ token | toml }}"}}
    await user.ready_runner("jwt", secret={"previousTokenKey": "previous", "template": template})
    await user.ready_runner("opaque", token={"format": "Opaque", "prefix": "glrt-"})
    await user.ready_user(
        "admin", roles=["Administrator"], secret={"tokenKey": "ADMIN_ACCESS_TOKEN"}
    )
    for name in ("jwt", "opaque"):
        await user.rotate_runner("now", name)
        await user.delete_secret(f"{name}-token")
        await settled(user, name, revision=3)
        await user.write_secret_data(f"{name}-token", token="nonsense")
        await settled(user, name, revision=4)
        await user.edit_runner(name, revoked=True)
        await user.secret_gone(f"{name}-token")
    await _whole_life_of_an_application(user)
    await user.annotate(TOKEN_ISSUER, user.issuer, rotate="now")
    await user.issuer_where(lambda it: len(it.status.keys) == 2)


async def _whole_life_of_an_application(user: Cluster) -> None:
    gates = f"{user.issuer}-gates"
    await user.create_issuer(
        gates, signer="Gate", limits={"defaultLifetime": "1h", "maxLifetime": "1h"}
    )
    env = {"data": {"env": "{{ client_id }}:{{ token }}"}}
    secret_spec = {"previousClientSecretKey": "previous", "template": env}
    await user.create(application("portal", issuerRef={"name": gates}, secret=secret_spec))
    await user.application_where(is_ready)
    await user.annotate(CLIENT_APPLICATION, "portal", rotate="now")
    await user.application_where(is_ready_at(2))
    await user.delete_secret("portal-token")
    await user.application_where(is_ready_at(3))
    await user.edit_application(revoked=True)
    await user.secret_gone("portal-token")


async def _troubles(user: Cluster) -> None:
    """Templates that fail, a conflict, a fault of ours, and a refused Secret."""
    bad = {"template": {"data": {"config": "{{ nonsense }}"}}}
    await user.create_runner("bad-template", secret=bad)
    await user.runner_where(is_unready("TemplateInvalid"), "bad-template")
    await user.create(secret("conflict-token"))
    await user.create_runner("conflict")
    await user.runner_where(is_unready("SecretConflict"), "conflict")
    await user.create_runner("faulty")
    await user.secret_where(lambda found: found is not None, "faulty-token")
    await user.create(quota("tight", secrets="0"))
    await user.create_runner("refused")
    await user.runner_where(is_settled, "refused")


async def _everything(user: Cluster) -> str:
    """Every object of every kind in the cluster but Secrets, as text; Events are among them."""
    texts = []
    for path in await _collections(user):
        # Some kinds can be listed in one version of the group only, or by special means.
        with suppress(NotFound):
            texts.append((await user.client.get(path)).decode())
    assert any('"kind":"Event' in text for text in texts)
    return "\n".join(texts)


async def _collections(user: Cluster) -> list[str]:
    """The paths of all kinds that can be listed."""
    groups = msgspec.json.decode(await user.client.get("/apis"))["groups"]
    roots = ["/api/v1", *(f"/apis/{it['preferredVersion']['groupVersion']}" for it in groups)]
    return [
        f"{root}/{kind['name']}"
        for root in roots
        for kind in msgspec.json.decode(await user.client.get(root))["resources"]
        if "list" in kind["verbs"] and kind["name"] != "secrets"
    ]


def _fragments(tokens: list[str], keys: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Everything of twelve characters that must not be found, with words for what it is of."""
    for number, token in enumerate(tokens):
        # Header and claims of a JWT are no secrets: without its signature it is worth nothing.
        proof = token.rpartition(".")[2].removeprefix("glrt-").removeprefix(CLIENT_SECRET_PREFIX)
        yield from _windows(f"token {number}", proof)
        encoded = base64.b64encode(token.encode()).decode().rstrip("=")
        yield from _windows(f"token {number} in base64", encoded[-len(proof) :])
    pems = {name: text for name, text in keys.items() if name.endswith(".pem")}
    assert pems
    for name, pem in pems.items():
        body = "".join(pem.splitlines()[1:-1])
        yield from _windows(name, body[SCALAR])


def _windows(what: str, text: str) -> Iterator[tuple[str, str]]:
    for start in range(len(text) - LENGTH + 1):
        yield what, text[start : start + LENGTH]
