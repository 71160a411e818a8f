"""Attack 83: somebody has the keys and the real token of a gate, while all the rest is as it ships."""

import base64
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from manifests.asking import credential_of_an_introspector, is_active, issuer_like
from manifests.attacking import await_reason, await_state, claims, secret, token_of
from manifests.installation import SYSTEM, Installation
from manifests.patience import until
from manifests.people import Object, Person, application, bearer, path_of, runner, user_token
from mintmaster.api.names import API_VERSION
from mintmaster.tokens import base64url
from mintmaster.tokens.keys import SigningKey

API = "mintmaster-api"
AUDIENCE_OF_KUBERNETES = "https://kubernetes.default.svc"


@pytest.fixture(scope="module")
def gate_url(operating: Installation) -> Iterator[str]:
    """Where a sound gate listens."""
    with operating.gate_running() as running:
        yield running.address


@pytest.fixture(scope="module")
def thief(operating: Installation) -> Iterator[Person]:
    """Whoever has the token of a gate's ServiceAccount, and no certificate."""
    account = operating.service_account(SYSTEM, "mintmaster-gate")
    with bearer(account.kubeconfig) as person:
        yield person


@pytest.fixture
def keys(operating: Installation, gate_url: str) -> list[SigningKey]:
    """All that is mounted into gates."""
    mounted = (operating.folder / "signing-keys").glob("*/*.pem")
    return [SigningKey.from_pem(it.read_bytes()) for it in mounted]


@pytest.fixture
def credential(operating: Installation, somewhere: str) -> str:
    """A service that may ask gates about all tokens."""
    return credential_of_an_introspector(operating, somewhere)


def signed(key: SigningKey, said: Mapping[str, Any], **header: str) -> str:
    """A JWT, whatever it says."""
    head = {"typ": "at+jwt", "alg": "ES256", "kid": key.kid} | header
    parts = (base64url.encode(json.dumps(it).encode()) for it in (head, said))
    signing_input = b".".join(parts)
    return b".".join((signing_input, base64url.encode(key.sign(signing_input)))).decode()


def kid_of(token: str) -> str:
    head = token.partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])


# The account --------------------------------------------------------------------------------------

ISSUER = f"/apis/{API_VERSION}/tokenissuers/default"
SECRETS = f"/api/v1/namespaces/{SYSTEM}/secrets"
ACCOUNTS = f"/api/v1/namespaces/{SYSTEM}/serviceaccounts"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
POLICIES = "/apis/admissionregistration.k8s.io/v1"
TOKEN_REQUEST = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}

OUT_OF_REACH: list[tuple[str, str, Object | None]] = [
    ("GET", "/api/v1/secrets", None),
    ("GET", f"{SECRETS}/mintmaster-issuer-default", None),
    ("GET", f"{SECRETS}/mintmaster-admin-access-token", None),
    ("GET", "{there}/secrets/password", None),
    ("GET", "{there}/secrets/builder-token", None),
    ("PATCH", "{there}/secrets/builder-token", {"data": {"token": "eA=="}}),
    ("PATCH", ISSUER, {"spec": {"grants": [], "withdrawnKeys": ["x"]}}),
    ("PATCH", f"{ISSUER}/status", {"status": {"keys": []}}),
    ("DELETE", ISSUER, None),
    ("PATCH", "{runner}", {"spec": {"scopes": ["sudo"]}}),
    ("PATCH", "{runner}", {"spec": {"paused": True}}),
    ("PATCH", "{runner}", {"metadata": {"annotations": {"mintmaster.dev/rotate": "1"}}}),
    ("PATCH", "{runner}/status", {"status": {"tokens": []}}),
    ("DELETE", "{runner}", None),
    ("POST", f"{ACCOUNTS}/mintmaster-operator/token", TOKEN_REQUEST),
    ("POST", f"{ACCOUNTS}/mintmaster-gate/token", TOKEN_REQUEST),
    ("GET", f"{LEASES}/mintmaster-operator", None),
    ("PATCH", f"{LEASES}/mintmaster-operator", {"spec": {"holderIdentity": "thief"}}),
    ("PATCH", f"{RBAC}/clusterroles/mintmaster-gate-namespaces", {"rules": []}),
    ("DELETE", f"{POLICIES}/validatingadmissionpolicybindings/gates.mintmaster.dev", None),
    ("GET", f"/api/v1/namespaces/{SYSTEM}/pods", None),
    ("GET", "/apis/apps/v1/deployments", None),
]
"""Requests of which none may pass: method, path and body."""


def test_83_its_account_reads_no_secret_and_changes_nothing_that_gives_rights(
    thief: Person, victim: Object
) -> None:
    there = f"/api/v1/namespaces/{victim['metadata']['namespace']}"
    for method, path, body in OUT_OF_REACH:
        where = path.format(there=there, runner=path_of(victim))
        type_ = "application/merge-patch+json" if method == "PATCH" else "application/json"
        assert thief.send(method, where, body, type_).status == 403, (method, path)
    disguised = Person(thief.connection, {**thief.headers, "Impersonate-User": "system:admin"})
    assert disguised.send("GET", path_of(victim)).status == 403


GRANTED = {"scopes": ["api"]}
NOT_GRANTED: dict[str, Object] = {
    "scope": {"scopes": ["sudo"]},
    "role": {"roles": ["Administrator"]},
    "audience": {"token": {"audiences": [AUDIENCE_OF_KUBERNETES]}},
}


def test_83_in_the_api_namespace_it_has_what_issuers_grant_there_and_no_more(
    thief: Person, operating: Installation, somewhere: str
) -> None:
    admin, mark = operating.administrator, somewhere[-8:].lstrip("-")
    wide = [user_token(API, f"{key}-{mark}", **it) for key, it in NOT_GRANTED.items()]
    wide.append(runner(API, f"runner-{mark}", scopes=["api"]))
    for body in wide:
        _ = thief.create(body).passed
        await_reason(admin, body, "NotGranted")
        assert admin.read(body)["status"].get("tokens", []) == []
    granted = user_token(API, f"granted-{mark}", **GRANTED)
    _ = thief.create(granted).passed
    await_state(admin, granted, "Active")
    name = admin.read(granted)["status"]["secretRef"]["name"]
    assert thief.send("GET", path_of(secret(API, name))).status == 403
    for body in (*wide, granted):
        _ = thief.delete(body).passed


# The keys -----------------------------------------------------------------------------------------


def test_83_its_keys_forge_nothing_of_an_issuer_that_the_operator_signs(
    operating: Installation,
    gate_url: str,
    keys: list[SigningKey],
    credential: str,
    victim: Object,
) -> None:
    genuine = token_of(operating.administrator, victim)
    default = f"{gate_url}/issuers/default"
    until(lambda: is_active(default, credential, genuine), "the genuine token is active")
    assert keys
    for key in keys:
        for kid in (key.kid, kid_of(genuine)):
            for said in (claims(genuine), claims(genuine) | {"scope": "sudo", "jti": "x.1.y"}):
                forged = signed(key, said, kid=kid)
                assert not is_active(default, credential, forged)
                assert not is_active(f"{gate_url}/issuers/applications", credential, forged)


def test_83_kubernetes_accepts_nothing_that_they_sign(
    thief: Person, operating: Installation, keys: list[SigningKey], victim: Object
) -> None:
    admin = operating.administrator
    path = "/api/v1/namespaces/kube-system/serviceaccounts/generic-garbage-collector/token"
    genuine = admin.send("POST", path, TOKEN_REQUEST).passed["status"]["token"]
    assert who_is(thief.bearing(genuine)) == 201
    for key in keys:
        for said in (claims(genuine), claims(token_of(admin, victim))):
            for header in ({"kid": kid_of(genuine)}, {}, {"typ": "JWT"}):
                forged = signed(key, said | {"aud": claims(genuine)["aud"]}, **header)
                assert who_is(thief.bearing(forged)) == 401


def who_is(person: Person) -> int:
    """The status of the answer to whoever asks who they are."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    return person.send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review).status


def test_83_what_they_sign_is_bounded_by_an_application_and_ends_with_the_key(
    operating: Installation, gate_url: str, credential: str, somewhere: str
) -> None:
    admin = operating.administrator
    issuer = issuer_like(admin, "applications", f"stolen-{somewhere[-40:].lstrip('-')}")
    name = issuer["metadata"]["name"]
    body = application(somewhere, scopes=["jobs"], issuerRef={"name": name})
    _ = admin.create(body).passed
    await_state(admin, body, "Active")
    (pem,) = operating.mount_keys(name).glob("*.pem")
    key = SigningKey.from_pem(pem.read_bytes())
    asked_at = f"{gate_url}/issuers/{name}"
    within = signed(key, of_application(admin.read(body), issuer, scope="jobs"))
    until(lambda: is_active(asked_at, credential, within), "what a gate could have signed counts")
    for wider in (
        {"scope": "jobs users"},
        {"scope": "jobs", "roles": ["Administrator"]},
        {"scope": "jobs", "sub": "user:root@example.org"},
        {"scope": "jobs", "aud": [AUDIENCE_OF_KUBERNETES]},
    ):
        forged = signed(key, of_application(admin.read(body), issuer, **wider))
        assert not is_active(asked_at, credential, forged), wider
    _ = admin.patch(issuer, {"spec": {"withdrawnKeys": [key.kid]}}).passed
    until(lambda: not is_active(asked_at, credential, within), "the key is withdrawn")
    _ = admin.delete(body).passed
    _ = admin.delete(issuer).passed


def of_application(body: Object, issuer: Object, **said: object) -> Object:
    """Claims as a gate makes them for an application, but for what is said."""
    meta, client = body["metadata"], body["status"]["clientId"]
    now = int(time.time())
    return {
        "iss": issuer["spec"]["url"],
        "sub": f"app:{client}",
        "aud": ["mintmaster"],
        "exp": now + 600,
        "iat": now,
        "jti": f"{meta['uid']}.1.forged",
        "client_id": client,
        "roles": [],
        "projects": [],
        "mintmaster.dev": {
            "kind": body["kind"],
            "namespace": meta["namespace"],
            "name": meta["name"],
            "uid": meta["uid"],
            "revision": 1,
        },
    } | said
