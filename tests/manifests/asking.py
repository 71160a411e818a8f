"""Somebody who asks a gate: for tokens, and about them."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from manifests.attacking import await_reason, secret_data
from manifests.installation import Installation
from manifests.people import Object, Person
from mintmaster.api.names import API_VERSION


def issuer_like(admin: Person, shipped: str, name: str, **spec: Any) -> Object:
    """An issuer like one that is shipped, which grants everything to all namespaces; its keys are published."""
    like = {"apiVersion": API_VERSION, "kind": "TokenIssuer", "metadata": {"name": shipped}}
    everything: Object = {"namespaces": {"names": ["*"]}, "kinds": ["*"], "subjects": ["*"]}
    everything |= {"runnerTypes": ["*"], "scopes": ["*"], "roles": ["*"], "projects": ["*"]}
    own = {
        "url": f"https://{name}.example.org",
        "grants": [everything | {"audiences": ["*"], "clientIds": ["*"]}],
    }
    body = like | {"metadata": {"name": name}, "spec": admin.read(like)["spec"] | own | spec}
    made = admin.create(body).passed
    await_reason(admin, made, "KeysPublished")
    return made


def credential_of_an_introspector(installation: Installation, namespace: str) -> str:
    """The token of a service account that may ask gates about everybody's tokens."""
    admin = installation.admin
    admin.kubectl("create", "serviceaccount", "-n", namespace, "tenant")
    asker = installation.service_account(namespace, "tenant")
    asker.kubectl("config", "set-context", "--current", f"--namespace={namespace}")
    installation.bind_everywhere(asker, "mintmaster-introspector")
    return admin.kubectl("create", "token", "-n", namespace, "tenant").strip()


def is_active(issuer: str, credential: str, token: str) -> bool:
    """What a gate says about a token of an issuer."""
    headers = {"Authorization": f"Bearer {credential}"}
    form = urlencode({"token": token}).encode()
    with urlopen(Request(f"{issuer}/oauth2/introspect", form, headers), timeout=30) as answer:
        return bool(json.loads(answer.read())["active"])


def client_of(admin: Person, application: Object) -> dict[str, str]:
    """Client id and client secret, as a form has them, from the Secret of an application."""
    data = secret_data(admin, application)
    return {"client_id": data["client-id"], "client_secret": data["client-secret"]}


def minted(issuer: str, client: Mapping[str, str]) -> tuple[int, str]:
    """What a gate answers to an application that wants a token: the status, and the token if there is one."""
    form = urlencode({"grant_type": "client_credentials", **client}).encode()
    try:
        with urlopen(Request(f"{issuer}/oauth2/token", form), timeout=30) as answer:
            return answer.status, str(json.loads(answer.read())["access_token"])
    except HTTPError as error:
        return error.code, ""
