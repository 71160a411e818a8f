"""Finding the API server, and saying which file and field is wrong when that fails."""

import base64
import os
import traceback
from pathlib import Path
from typing import Any

import pytest
import yaml

from mintmaster.kube.config import Connection, from_kubeconfig, in_cluster, load
from mintmaster.kube.credentials import Authorize, ExpectServerName, TokenFile
from mintmaster.kube.errors import InvalidConfig
from mintmaster.kube.exec_plugin import ExecPlugin
from mintmaster.kube.kubeconfig import User
from mintmaster.kube.tls import KeyPair

SECRET = "hush-this-is-a-token"


def kubeconfig(
    path: Path, *, cluster: Any = None, user: Any = None, context: Any = None, name: str = "x"
) -> Path:
    """Write a kubeconfig with one cluster, user and context, all of this name."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}"} | (cluster or {})}],
        "users": [{"name": name, "user": user if user is not None else {"token": SECRET}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name} | (context or {})}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    kubeconfig(tmp_path / "home" / ".kube" / "config", name="from-home")
    return tmp_path / "home"


@pytest.fixture
def pod(tmp_path: Path) -> Path:
    mount = tmp_path / "serviceaccount"
    mount.mkdir()
    (mount / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    (mount / "token").write_text(SECRET)
    (mount / "namespace").write_text("ns-of-pod\n")
    return mount


POD_ENV = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}


@pytest.mark.usefixtures("home")
class TestWhereToLook:
    def test_the_file_named_comes_first(self, tmp_path: Path) -> None:
        named = kubeconfig(tmp_path / "a", name="named")
        other = kubeconfig(tmp_path / "b", name="other")
        found = load(str(named), environ={"KUBECONFIG": str(other), **POD_ENV})
        assert found.server == "https://named"

    def test_then_the_environment(self, tmp_path: Path) -> None:
        other = kubeconfig(tmp_path / "b", name="other")
        assert load(environ={"KUBECONFIG": str(other), **POD_ENV}).server == "https://other"

    def test_then_the_pod(self, pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("mintmaster.kube.config.SERVICE_ACCOUNT", pod)
        assert load(environ=POD_ENV).server == "https://10.0.0.1:6443"

    def test_but_not_if_a_context_is_named(self) -> None:
        assert load(context="from-home", environ=POD_ENV).server == "https://from-home"

    def test_last_the_home_folder(self) -> None:
        assert load(environ={}).server == "https://from-home"


class TestMerging:
    def test_the_first_file_with_an_entry_wins(self, tmp_path: Path) -> None:
        first = kubeconfig(tmp_path / "1", name="x", context={"namespace": "first"})
        second = kubeconfig(tmp_path / "2", name="x", context={"namespace": "second"})
        third = kubeconfig(tmp_path / "3", name="y", context={"namespace": "third"})
        listed = os.pathsep.join(map(str, [first, tmp_path / "absent", second, third]))
        assert load(environ={"KUBECONFIG": listed}).namespace == "first"
        assert load(context="y", environ={"KUBECONFIG": listed}).namespace == "third"

    def test_paths_start_from_the_file_that_they_stand_in(self, tmp_path: Path) -> None:
        main = kubeconfig(tmp_path / "a" / "config", context={"user": "y"})
        user = {"client-certificate": "me.crt", "client-key": "keys/me.key"}
        other = kubeconfig(tmp_path / "b" / "config", name="y", user=user)
        pair = from_kubeconfig([main, other]).tls.key_pair
        folder = tmp_path / "b"
        assert pair == KeyPair(folder / "me.crt", folder / "keys" / "me.key")


class TestCluster:
    def test_all_that_tls_needs(self, tmp_path: Path) -> None:
        cluster = {
            "server": "https://host:6443/",
            "certificate-authority-data": base64.b64encode(b"pem").decode(),
            "tls-server-name": "kubernetes",
            "insecure-skip-tls-verify": True,
            "proxy-url": "http://proxy:3128",
        }
        found = from_kubeconfig([kubeconfig(tmp_path / "c", cluster=cluster)])
        assert found.server == "https://host:6443"
        assert found.proxy == "http://proxy:3128"
        assert (found.tls.authority, found.tls.server_name, found.tls.verify) == (
            b"pem",
            "kubernetes",
            False,
        )
        kinds = [type(middleware) for middleware in found.middlewares()]
        assert kinds == [ExpectServerName, Authorize]

    def test_a_ca_file_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "ca.crt").write_bytes(b"pem")
        path = kubeconfig(tmp_path / "c", cluster={"certificate-authority": "ca.crt"})
        assert from_kubeconfig([path]).tls.authority == b"pem"


class TestUser:
    def connection(self, tmp_path: Path, **user: Any) -> Connection:
        return from_kubeconfig([kubeconfig(tmp_path / "c", user=user)])

    async def test_a_token(self, tmp_path: Path) -> None:
        found = self.connection(tmp_path, token=SECRET)
        assert found.tokens is not None
        assert await found.tokens.token() == SECRET

    async def test_a_token_file_goes_before_a_token(self, tmp_path: Path) -> None:
        (tmp_path / "t").write_bytes(b"fresh")
        found = self.connection(tmp_path, token="stale", tokenFile="t")
        assert isinstance(found.tokens, TokenFile)
        assert await found.tokens.token() == "fresh"

    def test_certificates_need_no_middleware(self, tmp_path: Path) -> None:
        inline = base64.b64encode(b"pem").decode()
        found = self.connection(
            tmp_path, **{"client-certificate-data": inline, "client-key-data": inline}
        )
        assert found.tls.key_pair == KeyPair(b"pem", b"pem")
        assert found.middlewares() == ()

    def test_nobody(self, tmp_path: Path) -> None:
        assert self.connection(tmp_path).middlewares() == ()

    def test_a_user_may_be_null_or_not_named(self, tmp_path: Path) -> None:
        path = kubeconfig(tmp_path / "c", context={"user": ""})
        assert from_kubeconfig([path]).tokens is None
        content = yaml.safe_load(path.read_text())
        content["users"] = [{"name": "x", "user": None}]
        content["contexts"][0]["context"]["user"] = "x"
        path.write_text(yaml.safe_dump(content))
        assert from_kubeconfig([path]).tokens is None

    @pytest.mark.parametrize(
        ("command", "program"), [("aws", "aws"), ("./bin/login", "bin/login"), ("/x/y", "/x/y")]
    )
    def test_a_command(self, tmp_path: Path, command: str, program: str) -> None:
        spec = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": command,
            "args": ["get", "token"],
            "env": [{"name": "A", "value": "b"}],
            "provideClusterInfo": True,
        }
        tokens = self.connection(tmp_path, exec=spec).tokens
        assert isinstance(tokens, ExecPlugin)
        found = tokens._command
        assert found.arguments[0] in {program, str(tmp_path / program)}
        assert found.arguments[1:] == ("get", "token")
        assert found.environment == {"A": "b"}
        assert found.cluster == {"server": "https://x"}
        assert ("/" in command) == ("/" in found.arguments[0])


EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "x"}

WRONG: list[Any] = [
    ({"cluster": {"server": "host:6443"}}, "clusters[x].cluster.server"),
    ({"cluster": {"certificate-authority": "no.crt"}}, "clusters[x].cluster.certificate-authority"),
    ({"cluster": {"proxy-url": "socks5://p"}}, "clusters[x].cluster.proxy-url"),
    ({"cluster": {"certificate-authority-data": "%%%"}}, "certificate-authority-data"),
    ({"cluster": {"server": 7}}, "$.clusters[0].cluster.server"),
    ({"user": {"token": [SECRET]}}, "$.users[0].user.token"),
    ({"user": {"username": "me", "password": SECRET}}, "users[x].user.username"),
    ({"user": {"token": SECRET, "as": "root"}}, "users[x].user.as"),
    ({"user": {"auth-provider": {"name": "gcp"}}}, "users[x].user.auth-provider"),
    ({"user": {"client-certificate": "me.crt"}}, "users[x].user"),
    ({"user": {"client-key-data": "aHVzaA=="}}, "users[x].user"),
    ({"user": {"exec": EXEC | {"apiVersion": "v9"}}}, "users[x].user.exec.apiVersion"),
    (
        {"user": {"exec": EXEC | {"interactiveMode": "Always"}}},
        "users[x].user.exec.interactiveMode",
    ),
    ({"context": {"cluster": "y"}}, "no cluster 'y' (there are: x)"),
    ({"context": {"user": "y"}}, "no user 'y' (there are: x)"),
]


@pytest.mark.parametrize(("parts", "field"), WRONG)
def test_errors_name_the_file_and_the_field(tmp_path: Path, parts: Any, field: str) -> None:
    path = kubeconfig(tmp_path / "the-config", **parts)
    with pytest.raises(InvalidConfig) as caught:
        from_kubeconfig([path])
    shown = "".join(traceback.format_exception(caught.value))
    assert str(path) in str(caught.value)
    assert field in str(caught.value)
    assert SECRET not in shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"users:\n- token: '{SECRET}", "not valid YAML (line"),
        (f"\ttoken: {SECRET}", "not valid YAML (line 1)"),
        ("", "current-context is not set"),
        ("current-context: y", "there is no context 'y'"),
        (f"[{SECRET}]", "Expected `object`"),
    ],
)
def test_a_broken_file_is_named_but_not_quoted(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "the-config"
    path.write_text(text)
    with pytest.raises(InvalidConfig) as caught:
        load(str(path))
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_file_that_is_missing_or_unreadable_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"no kubeconfig at .*absent"):
        load(str(tmp_path / "absent"))
    with pytest.raises(InvalidConfig, match=str(tmp_path)):
        load(str(tmp_path))


class TestInCluster:
    async def test_the_mounted_service_account(self, pod: Path) -> None:
        found = in_cluster(POD_ENV, pod)
        assert found.namespace == "ns-of-pod"
        assert found.tls.authority == b"-----BEGIN CERTIFICATE-----\n"
        assert isinstance(found.tokens, TokenFile)
        assert await found.tokens.token() == SECRET

    def test_ipv6(self, pod: Path) -> None:
        found = in_cluster({"KUBERNETES_SERVICE_HOST": "fd00::1"}, pod)
        assert found.server == "https://[fd00::1]:443"

    def test_without_a_namespace_file(self, pod: Path) -> None:
        (pod / "namespace").unlink()
        assert in_cluster(POD_ENV, pod).namespace == "default"

    def test_what_is_missing_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidConfig, match=r"ca\.crt"):
            in_cluster(POD_ENV, tmp_path)
        with pytest.raises(InvalidConfig, match="KUBERNETES_SERVICE_HOST"):
            in_cluster({}, tmp_path)


def test_a_user_shows_nothing_of_itself() -> None:
    assert SECRET not in repr(User(token=SECRET, client_key_data=SECRET.encode()))


def test_no_key_or_token_is_in_a_repr(tmp_path: Path) -> None:
    inline = base64.b64encode(b"private-hush").decode()
    user = {"token": SECRET, "client-certificate-data": inline, "client-key-data": inline}
    found = from_kubeconfig([kubeconfig(tmp_path / "c", user=user)])
    assert SECRET not in repr(found)
    assert repr(found).count("private-hush") == 1  # the certificate, which is public
