"""kube-apiserver as a verifier, with the very files and flags of docs/kubernetes-authentication.md."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import yaml

from manifests.installation import ROOT
from mintmaster.api.kinds import USER_ACCESS_TOKEN
from mintmaster.localcluster.certificates import Certificates
from mintmaster.tokens import base64url
from mintmaster.tokens.keys import SigningKey
from reconcile import builders
from reconcile.cluster_user import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mintmaster.localcluster.cluster import LocalCluster
    from mintmaster.localcluster.pytest_plugin import StartCluster
    from recipes.conftest import Site

RECIPE = ROOT / "examples" / "verify" / "kubernetes"
PAGE = ROOT / "docs" / "kubernetes-authentication.md"
AUDIENCE = "https://kubernetes.example.org"
NOT_ANY_MORE = 40.0
"""Seconds until a revocation counts: two caches of ten seconds, on a machine that may be slow."""


def recipe(name: str) -> Any:
    return yaml.safe_load((RECIPE / name).read_text())


def flags(heading: str) -> dict[str, str]:
    """The flags of kube-apiserver that the page shows below a heading."""
    section = PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^ *--([a-z-]+)=(\S+)$", section, re.MULTILINE))


def test_the_page_shows_the_files_as_they_are() -> None:
    shown = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    files = [recipe("issuer.yaml"), recipe("token.yaml")]
    assert [yaml.safe_load(block) for block in shown] == files


@dataclass
class Person:
    """Somebody with kubectl and a token, at the API server that is the verifier."""

    verifier: LocalCluster
    token: str = field(repr=False)

    def kubectl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run kubectl with nothing but the token."""
        authority = Certificates(self.verifier.paths.pki).authority
        command = [str(self.verifier.kubectl), "--kubeconfig=/dev/null", *arguments]
        command += [f"--server={self.verifier.server}", f"--certificate-authority={authority}"]
        command += [f"--token={self.token}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def user(self) -> Any:
        """Whom the API server takes this for; None if for nobody."""
        done = self.kubectl("auth", "whoami", "--output=json")
        if done.returncode:
            assert re.search("provide credentials|Unauthorized", done.stderr), done.stderr
            return None
        return json.loads(done.stdout)["status"]["userInfo"]

    def may(self, verb: str, resource: str) -> bool:
        return self.kubectl("auth", "can-i", verb, resource).stdout.strip() == "yes"

    async def is_known(self) -> bool:
        return await asyncio.to_thread(self.user) is not None

    async def known(self, seconds: float = PATIENCE) -> Any:
        """Whom the API server takes this for, as soon as it has read the issuer's keys."""
        deadline = time.monotonic() + seconds
        while (user := await asyncio.to_thread(self.user)) is None:
            assert time.monotonic() < deadline, "the token is not accepted"
        return user

    async def unknown(self) -> None:
        """Wait until the token is not accepted any more."""
        deadline = time.monotonic() + NOT_ANY_MORE
        while await self.is_known():
            assert time.monotonic() < deadline, "the token is still accepted"
            await asyncio.sleep(0.5)


async def issuer_of(site: Site, name: str) -> str:
    """The recipe's issuer under a name of the test's own, where the gate answers for it; returns its URL."""
    body = recipe("issuer.yaml")
    body["metadata"]["name"] = name
    url = f"https://{site.host}/issuers/{name}"
    body["spec"]["url"] = url
    body["spec"]["grants"][0]["namespaces"]["names"] = [site.cluster.namespace]
    await site.cluster.create(body)
    await site.cluster.issuer_where(lambda it: bool(it.status.keys), name)
    return url


async def adas_token(site: Site, issuer: str, **spec: Any) -> str:
    """The token of the recipe's UserAccessToken."""
    body = recipe("token.yaml")
    body["metadata"]["namespace"] = site.cluster.namespace
    body["spec"] |= {"issuerRef": {"name": issuer}} | spec
    await site.cluster.create(body)
    secret = await site.cluster.until(lambda: site.cluster.secret_data("ada-token"), bool)
    return secret["token"]


async def start(start_cluster: StartCluster, arguments: Mapping[str, str]) -> LocalCluster:
    """An API server with these flags, which gives viewers the rights of the recipe."""
    given = tuple(f"--{name}={value}" for name, value in arguments.items())
    verifier = await asyncio.to_thread(lambda: start_cluster(apiserver_args=given))
    binding = recipe("viewers.yaml")
    path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    await asyncio.to_thread(verifier.api.request, "POST", path, binding)
    return verifier


def assert_is_ada(person: Person, uid: str) -> None:
    user = person.user()
    assert user["username"] == "mint:user:ada@team.example"
    assert user["groups"] == ["mint:Viewer", "system:authenticated"]
    assert user["uid"] == uid
    (credential,) = user["extra"]["authentication.kubernetes.io/credential-id"]
    assert credential.startswith(f"JTI={uid}.1.")
    assert person.may("list", "pods")
    assert not person.may("list", "secrets")
    assert not person.may("create", "pods")


# The configuration file ---------------------------------------------------------------------------


def configuration(site: Site, url: str, unprefixed_url: str) -> str:
    """The recipe, and the recipe once more with mappings that lack the prefix, to see its last rules work."""
    body = recipe("authentication-configuration.yaml")
    (entry,) = body["jwt"]
    entry["issuer"] |= {"url": url, "certificateAuthority": site.authority.read_text()}
    careless = json.loads(json.dumps(entry))
    careless["issuer"]["url"] = unprefixed_url
    careless["claimMappings"]["username"]["expression"] = "claims.sub.substring(5)"
    careless["claimMappings"]["groups"]["expression"] = "claims.roles"
    body["jwt"].append(careless)
    return str(yaml.safe_dump(body))


@dataclass
class Thief:
    """Somebody who has the key of an issuer, and signs what no operator of ours would."""

    url: str
    key: SigningKey

    @classmethod
    async def of(cls, site: Site, issuer: str, url: str) -> Thief:
        data = await site.cluster.secret_data(builders.key_secret(issuer), "mintmaster-system")
        (pem,) = (value for name, value in data.items() if name.endswith(".pem"))
        return cls(url, SigningKey.from_pem(pem.encode()))

    def sign(self, **claims: Any) -> str:
        now = int(time.time())
        usual: dict[str, Any] = {
            "iss": self.url,
            "aud": [AUDIENCE],
            "sub": "user:eve@team.example",
            "iat": now,
            "exp": now + 600,
            "jti": "1",
            "roles": [],
            "mintmaster.dev": {"uid": "1"},
        }
        header = {"typ": "at+jwt", "alg": "ES256", "kid": self.key.kid}
        parts = (json.dumps(part).encode() for part in (header, usual | claims))
        signing_input = b".".join(map(base64url.encode, parts))
        signature = base64url.encode(self.key.sign(signing_input))
        return (signing_input + b"." + signature).decode()


async def key_of_gates(site: Site) -> SigningKey:
    """The key of an issuer that gates sign for."""
    name = f"{site.cluster.issuer}-gates"
    limits = {"defaultLifetime": "1h", "maxLifetime": "1h"}
    await site.cluster.create(
        builders.issuer(name, site.cluster.namespace, signer="Gate", limits=limits)
    )
    await site.cluster.issuer_where(lambda it: bool(it.status.keys), name)
    return (await Thief.of(site, name, "")).key


async def test_kube_apiserver_trusts_an_issuer(site: Site, start_cluster: StartCluster) -> None:
    name = site.cluster.issuer
    careless = f"{name}-careless"
    url, careless_url = await issuer_of(site, name), await issuer_of(site, careless)
    token = await adas_token(site, name)
    file = site.folder / "authentication-configuration.yaml"
    file.write_text(configuration(site, url, careless_url))
    arguments = flags("The API server verifies offline")
    assert arguments.keys() == {"authentication-config"}
    verifier = await start(start_cluster, {"authentication-config": str(file)})

    ada = Person(verifier, token)
    await ada.known()
    uid = (await site.cluster.raw(USER_ACCESS_TOKEN, "ada"))["metadata"]["uid"]
    await asyncio.to_thread(assert_is_ada, ada, uid)
    await asyncio.to_thread(assert_thefts_are_bounded, verifier, await Thief.of(site, name, url))

    # A gate's key, for what it is (attack 83): it signs nothing of an issuer that the operator signs.
    of_gates = await key_of_gates(site)
    assert not await Person(verifier, Thief(url, of_gates).sign()).is_known()

    thief = await Thief.of(site, careless, careless_url)
    eve = await Person(verifier, thief.sign(roles=["a"])).known()
    assert eve["username"] == "eve@team.example"
    for claims in ({"sub": "user:system:admin"}, {"roles": ["system:masters"]}):
        assert not await Person(verifier, thief.sign(**claims)).is_known()

    await site.cluster.patch(USER_ACCESS_TOKEN, "ada", {"spec": {"revoked": True}})
    await site.cluster.secret_gone("ada-token")
    assert await ada.is_known()  # which is what the page warns of
    key = (await site.cluster.any_issuer(name)).status.keys[0].id
    await site.cluster.edit_issuer(withdrawnKeys=[key])
    await site.cluster.until(partial(_published, site, name), lambda keys: key not in keys)
    file.write_text(file.read_text() + "# the key was withdrawn\n")
    await ada.unknown()


def assert_thefts_are_bounded(verifier: LocalCluster, thief: Thief) -> None:
    """What is refused even with the right signature, and what it can be at most."""
    now = int(time.time())
    refused: list[dict[str, Any]] = [
        {"iat": now - 600, "exp": now},
        {"exp": now + 7200},
        {"aud": ["https://services.example.org"]},
        {"aud": ["https://kubernetes.default.svc.cluster.local"]},
        {"iss": thief.url + "/"},
        {"sub": "runner:ci:linux"},
        {"sub": "system:admin"},
    ]
    for claims in refused:
        assert Person(verifier, thief.sign(**claims)).user() is None, claims
    at_most = Person(verifier, thief.sign(sub="user:system:admin", roles=["system:masters"])).user()
    assert at_most["username"] == "mint:user:system:admin"
    assert at_most["groups"] == ["mint:system:masters", "system:authenticated"]


async def _published(site: Site, issuer: str) -> set[str]:
    """The keys that the gate publishes."""
    return set(site.gate.process.knowledge.issuers[issuer].keys)


# The webhook --------------------------------------------------------------------------------------


def webhook(site: Site, issuer: str) -> str:
    body = recipe("webhook.yaml")
    (entry,) = body["clusters"]
    assert entry["cluster"]["server"].endswith("/kubernetes/k8s/tokenreview")
    entry["cluster"] = {
        "server": f"https://{site.host}/issuers/{issuer}/k8s/tokenreview",
        "certificate-authority": str(site.authority),
    }
    return str(yaml.safe_dump(body))


async def test_kube_apiserver_asks_the_gate(site: Site, start_cluster: StartCluster) -> None:
    name = site.cluster.issuer
    url = await issuer_of(site, name)
    token = await adas_token(site, name)
    file = site.folder / "webhook.yaml"
    file.write_text(webhook(site, name))
    arguments = flags("The API server asks a gate")
    arguments["authentication-token-webhook-config-file"] = str(file)
    verifier = await start(start_cluster, arguments)

    ada = Person(verifier, token)
    uid = (await site.cluster.raw(USER_ACCESS_TOKEN, "ada"))["metadata"]["uid"]
    await asyncio.to_thread(assert_is_ada, ada, uid)
    thief = await Thief.of(site, name, url)
    for stolen in (thief.sign(), thief.sign(jti=f"{uid}.1.00"), token[:-8] + "AAAAAAAA", "opaque"):
        assert not await Person(verifier, stolen).is_known()
    own = await own_token(verifier)
    assert (await Person(verifier, own).known())["username"].startswith("system:serviceaccount:")

    await site.cluster.patch(USER_ACCESS_TOKEN, "ada", {"spec": {"revoked": True}})
    await ada.unknown()


async def own_token(verifier: LocalCluster) -> str:
    """A token of a service account of the verifier's own, which still works beside the webhook."""
    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = await asyncio.to_thread(verifier.api.request, "POST", path, body)
    return str(json.loads(answer)["status"]["token"])
