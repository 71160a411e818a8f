"""A gate that serves https, with an operator beside it, on a real API server: what others verify against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from gate.harness import gating
from mintmaster.gate.settings import Settings
from mintmaster.localcluster.certificates import issue
from reconcile.builders import key_secret
from reconcile.conftest import (  # noqa: F401 - fixtures
    OPERATOR_NAMESPACE,
    clock,
    cluster_user,
    kubeconfig,
    operator,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gate.harness import Gate
    from mintmaster.localcluster.certificates import Certificates
    from reconcile.harness import Cluster, Running, SettableClock

SERVICES = "https://services.example.org"
"""The audience of the test's issuer, and of the recipes."""


@dataclass
class Site:
    """A cluster whose tokens are verified elsewhere."""

    cluster: Cluster
    gate: Gate
    certificates: Certificates
    folder: Path

    @property
    def host(self) -> str:
        """HOST:PORT of the gate."""
        return self.gate.process.address

    @property
    def authority(self) -> Path:
        """The CA of the gate's certificate, which is good for 127.0.0.1 and localhost."""
        return self.certificates.authority

    @property
    def issuer_url(self) -> str:
        return f"https://{self.host}/issuers/{self.cluster.issuer}"

    async def user_token(self, name: str = "ada", **spec: Any) -> str:
        """The token of a UserAccessToken of that name, created and active."""
        await self.cluster.ready_user(name, **spec)
        return (await self.cluster.secret_data(f"{name}-token"))["token"]

    async def revoke(self, name: str = "ada") -> None:
        await self.cluster.edit_user(name, revoked=True)

    async def credential(self) -> Path:
        """A file with a token that may introspect."""
        file = self.folder / "credential"
        file.touch(mode=0o600)
        file.write_text(await self.user_token("service", scopes=["introspect"]))
        return file

    async def sign_at_the_gate(self) -> None:
        """Give the gate the keys of the test's issuer, as a mounted Secret would; it reads them in a moment."""
        secret = key_secret(self.cluster.issuer)
        for name, text in (await self.cluster.secret_data(secret, OPERATOR_NAMESPACE)).items():
            (self.folder / "keys" / name).write_text(text)

    def environment(self) -> dict[str, str]:
        """How the examples of services are told about the issuer."""
        return {
            "ISSUER": self.issuer_url,
            "ISSUER_CA": str(self.authority),
            "AUDIENCE": SERVICES,
        }


@pytest.fixture
async def site(
    kubeconfig: Path,  # noqa: F811 - a fixture
    clock: SettableClock,  # noqa: F811 - a fixture
    operator: Running,  # noqa: F811 - a fixture
    cluster_user: Cluster,  # noqa: F811 - a fixture
    tmp_path: Path,
) -> AsyncIterator[Site]:
    """A gate that serves https, without an issuer."""
    certificates = issue(tmp_path / "pki")
    serving = certificates.serving
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    settings = Settings(
        listen="127.0.0.1:0",
        tls_cert=serving.certificate,
        tls_key=serving.key,
        signing_keys=keys,
    )
    async with gating(kubeconfig, clock, settings) as gate:
        yield Site(cluster_user, gate, certificates, tmp_path)


@pytest.fixture
async def issuing_site(site: Site) -> Site:
    """With an issuer that has its keys, and is found where its URL says."""
    scopes = [{"name": scope} for scope in ("api", "read_api", "introspect")]
    await site.cluster.ready_issuer(url=site.issuer_url, audiences=[SERVICES], scopes=scopes)
    return site
