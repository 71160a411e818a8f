"""Knowing the API server, and being known to it, by certificates and by tokens."""

import os
import ssl
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mintmaster.kube.client import Client
from mintmaster.kube.config import Connection, from_kubeconfig, in_cluster, load
from mintmaster.kube.errors import InvalidConfig, Unauthorized, Unreachable
from mintmaster.kube.paths import collection_path, object_path
from mintmaster.kube.tls import ClientTLS, KeyPair

if TYPE_CHECKING:
    from mintmaster.localcluster.cluster import LocalCluster

Change = Callable[[dict[str, Any], dict[str, Any]], None]


@pytest.fixture
def changed(cluster: "LocalCluster", tmp_path: Path) -> Callable[[Change], Connection]:
    """Connect as the cluster's kubeconfig says, but for a change of its cluster and user."""

    def connect(change: Change) -> Connection:
        content = yaml.safe_load(cluster.kubeconfig.read_text())
        change(content["clusters"][0]["cluster"], content["users"][0]["user"])
        path = tmp_path / "changed"
        path.write_text(yaml.safe_dump(content))
        return from_kubeconfig([path])

    return connect


async def who(connection: Connection) -> str:
    """Ask the API server who we are."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    async with Client(connection) as client:
        path = collection_path("authentication.k8s.io/v1", "selfsubjectreviews")
        review = msgspec.json.decode(await client.create(path, body))
    name = review["status"]["userInfo"]["username"]
    assert isinstance(name, str)
    return name


@pytest.fixture
async def admin(cluster: "LocalCluster") -> str:
    return await who(load(str(cluster.kubeconfig)))


def decoded(text: str) -> bytes:
    return msgspec.convert(text, bytes)


async def test_an_inline_key_is_in_a_private_file_for_a_moment_only(
    cluster: "LocalCluster", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    modes: list[int] = []
    load_chain = ssl.SSLContext.load_cert_chain

    def spy(context: ssl.SSLContext, certificate: Path, key: Path, password: Any) -> None:
        modes.extend(stat.S_IMODE(file.stat().st_mode) for file in (certificate, key))
        load_chain(context, certificate, key, password)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", spy)
    await who(load(str(cluster.kubeconfig)))
    assert modes == [0o600, 0o600]
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - any name at all


async def test_certificates_in_files(
    changed: Callable[[Change], Connection], tmp_path: Path, admin: str
) -> None:
    def to_files(cluster: dict[str, Any], user: dict[str, Any]) -> None:
        for entry, field in (
            (cluster, "certificate-authority"),
            (user, "client-certificate"),
            (user, "client-key"),
        ):
            (tmp_path / field).write_bytes(decoded(entry.pop(f"{field}-data")))
            entry[field] = field

    assert await who(changed(to_files)) == admin


async def test_a_certificate_from_a_command(
    changed: Callable[[Change], Connection], admin: str
) -> None:
    def to_command(_: dict[str, Any], user: dict[str, Any]) -> None:
        version = "client.authentication.k8s.io/v1"
        credential = {
            "apiVersion": version,
            "kind": "ExecCredential",
            "status": {
                "clientCertificateData": decoded(user.pop("client-certificate-data")).decode(),
                "clientKeyData": decoded(user.pop("client-key-data")).decode(),
            },
        }
        said = msgspec.json.encode(credential).decode()
        arguments = ["-c", "import sys; print(sys.argv[1])", said]
        user["exec"] = {"apiVersion": version, "command": sys.executable, "args": arguments}

    assert await who(changed(to_command)) == admin


async def test_a_server_of_another_ca_is_not_spoken_to(
    changed: Callable[[Change], Connection],
) -> None:
    def forget(cluster: dict[str, Any], _: dict[str, Any]) -> None:
        del cluster["certificate-authority-data"]

    with pytest.raises(Unreachable, match="certificate verify failed"):
        await who(changed(forget))


async def test_unless_it_need_not_be_verified(
    changed: Callable[[Change], Connection], admin: str
) -> None:
    def trust(cluster: dict[str, Any], _: dict[str, Any]) -> None:
        del cluster["certificate-authority-data"]
        cluster["insecure-skip-tls-verify"] = True

    assert await who(changed(trust)) == admin


async def test_the_server_must_have_the_name_that_is_expected(
    changed: Callable[[Change], Connection], admin: str
) -> None:
    def expect(name: str) -> Change:
        return lambda cluster, _: cluster.update({"tls-server-name": name})

    assert await who(changed(expect("kubernetes.default.svc"))) == admin
    with pytest.raises(Unreachable, match=r"not valid for|mismatch"):
        await who(changed(expect("elsewhere.example.org")))


async def test_a_wrong_token_is_unauthorized(changed: Callable[[Change], Connection]) -> None:
    def wrong(_: dict[str, Any], user: dict[str, Any]) -> None:
        user.clear()
        user["token"] = "not-a-token"

    with pytest.raises(Unauthorized):
        await who(changed(wrong))


async def test_a_pod_speaks_as_its_service_account(
    cluster: "LocalCluster", real: Client, namespace: str, tmp_path: Path
) -> None:
    accounts = collection_path("v1", "serviceaccounts", namespace)
    await real.create(accounts, {"metadata": {"name": "me"}})
    path = object_path("v1", "serviceaccounts", namespace, "me", "token")
    request = msgspec.json.decode(await real.create(path, {"spec": {}}))
    mount(tmp_path, cluster, request["status"]["token"])
    server = urlsplit(real.server)
    environ = {
        "KUBERNETES_SERVICE_HOST": str(server.hostname),
        "KUBERNETES_SERVICE_PORT": str(server.port),
    }
    assert await who(in_cluster(environ, tmp_path)) == f"system:serviceaccount:{namespace}:me"


def mount(folder: Path, cluster: "LocalCluster", token: str) -> None:
    content = yaml.safe_load(cluster.kubeconfig.read_text())
    authority = content["clusters"][0]["cluster"]["certificate-authority-data"]
    (folder / "ca.crt").write_bytes(decoded(authority))
    (folder / "token").write_text(token)


def test_certificates_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    absent = KeyPair(tmp_path / "me.crt", tmp_path / "me.key")
    with pytest.raises(InvalidConfig, match=r"me\.crt"):
        ClientTLS(key_pair=absent).context()
    with pytest.raises(InvalidConfig, match="client certificate"):
        ClientTLS(key_pair=KeyPair(b"junk", b"junk")).context()
    for authority in (b"junk", "é".encode()):
        with pytest.raises(InvalidConfig, match="certificate authority"):
            ClientTLS(authority=authority).context()


def test_an_encrypted_key_is_refused_and_nobody_is_asked(cluster: "LocalCluster") -> None:
    content = yaml.safe_load(cluster.kubeconfig.read_text())
    certificate = decoded(content["users"][0]["user"]["client-certificate-data"])
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"hush"),
    )
    with pytest.raises(InvalidConfig, match="the key is encrypted"):
        ClientTLS(key_pair=KeyPair(certificate, key)).context()


def test_the_context_is_made_once() -> None:
    tls = ClientTLS()
    assert tls.context() is tls.context()
