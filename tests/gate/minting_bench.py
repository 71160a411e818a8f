"""A workbench whose gate mints: a gate-signed issuer with its key at hand, and applications of it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import jwt
import msgspec

from gate.workbench import NOW, SERVICES, Workbench, rfc3339
from mintmaster.api import decoding
from mintmaster.api.kinds import CLIENT_APPLICATION
from mintmaster.lifecycle.known import known
from mintmaster.tokens import opaque
from mintmaster.tokens.digests import digest
from reconcile.builders import grant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gate.harness import Answer
    from mintmaster.tokens.keys import SigningKey

APPLICATIONS = "/issuers/applications"
TOKEN = f"{APPLICATIONS}/oauth2/token"
APPLICATION_UID = "6f0e7c1a-0000-4000-8000-00000000000a"
CLIENT_ID = "team.ci"
OTHER_AUDIENCE = "https://elsewhere.example.org"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ROLES = (
    {"name": "Researcher", "scopes": ["api"]},
    {"name": "Editor", "scopes": ["read_api", "revoke"]},
    {"name": "Visitor", "scopes": []},
)


@dataclass
class MintingBench(Workbench):
    """One gate that signs for the issuer `applications`, and the secret of its one application."""

    folder: Path | None = None
    client_secret: str = field(default_factory=lambda: opaque.mint("mms_"), repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        assert self.folder is not None
        self.keys = self.process.signing_keys
        self.keys.folder = self.folder
        self.minting_key = self.key.generate()
        self.place(self.minting_key)
        self.publish_applications()
        self.apply()

    def place(self, key: SigningKey, within: str = "applications") -> None:
        """Put a private key where the gate looks, and have it look."""
        assert self.folder is not None
        place = self.folder / within
        place.mkdir(exist_ok=True)
        (place / f"{key.kid}.pem").write_bytes(key.to_pem())
        self.keys.read()

    def publish_applications(self, **spec: Any) -> None:
        """Have the gate know the issuer `applications`."""
        spec = {
            "signer": "Gate",
            "limits": {"defaultLifetime": "10h", "maxLifetime": "12h"},
            "roles": list(ROLES),
            "grants": [grant("team", clientIds=["*"])],
            "keys": [self.key_record(self.minting_key)],
        } | spec
        self.publish("applications", uid="applications", **spec)

    def apply(
        self,
        *,
        name: str = "ci",
        uid: str = APPLICATION_UID,
        client_secret: str | None = None,
        change: Callable[[dict[str, Any]], None] = lambda _: None,
        **rights: Any,
    ) -> None:
        """Have the gate know an application; `change` edits it before."""
        rights = self.application_rights(name) | rights
        body: dict[str, Any] = {
            "metadata": {
                "name": name,
                "namespace": "team",
                "uid": uid,
                "creationTimestamp": rfc3339(NOW),
            },
            "spec": {"scopes": rights["scopes"]},
            "status": {
                "uid": uid,
                "revision": 1,
                "clientId": f"team.{name}",
                "secrets": [
                    {
                        "id": f"{uid}.1.00",
                        "revision": 1,
                        "digest": digest(client_secret or self.client_secret),
                        "issuedAt": rfc3339(NOW),
                        "rights": rights,
                    }
                ],
            },
        }
        change(body)
        application = decoding.decode(CLIENT_APPLICATION, msgspec.json.encode(body))
        self.process.knowledge.observe(known("ClientApplication", application))

    def application_rights(self, name: str = "ci") -> dict[str, Any]:
        return {
            "subject": f"app:team.{name}",
            "audiences": [SERVICES, OTHER_AUDIENCE],
            "scopes": ["api", "introspect", "read_api"],
            "roles": ["Editor", "Researcher", "Visitor"],
            "projects": ["apollo"],
        }

    # Asking ---------------------------------------------------------------------------------------

    async def token(
        self,
        form: dict[str, str] | list[tuple[str, str]] | None = None,
        *headers: tuple[bytes, bytes],
        client: tuple[str, str] | None = None,
        path: str = TOKEN,
    ) -> Answer:
        """Ask for a token by client_credentials, as the application unless somebody else is named."""
        shown = basic(*(client or (CLIENT_ID, self.client_secret)))
        asked = [("grant_type", "client_credentials"), *_pairs(form or {})]
        return await self.post(path, asked, shown, *headers, credential="")

    async def access_token(self, **form: str) -> str:
        answer = await self.token(form)
        assert answer.status == 200, answer
        token: str = answer.json["access_token"]
        return token

    async def introspected(self, token: str, issuer: str = APPLICATIONS) -> Any:
        """What introspection says to the application, which has the scope for it."""
        shown = basic(CLIENT_ID, self.client_secret)
        path = f"{issuer}/oauth2/introspect"
        answer = await self.post(path, {"token": token}, shown, credential="")
        assert answer.status == 200, answer
        return answer.json

    async def review_at_applications(self, token: str) -> Any:
        """The status of a TokenReview by the issuer of applications."""
        return await self.review(token, SERVICES, path=f"{APPLICATIONS}/k8s/tokenreview")

    def later(self, **by: float) -> None:
        self.clock.instant = NOW + timedelta(**by)


def claims(token: str) -> dict[str, Any]:
    """What a token says, verified or not."""
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def basic(client_id: str, client_secret: str) -> tuple[bytes, bytes]:
    """HTTP Basic as RFC 6749, section 2.3.1 wants it."""
    joined = f"{quote_plus(client_id)}:{quote_plus(client_secret)}".encode()
    return (b"authorization", b"Basic " + base64.b64encode(joined))


def _pairs(form: dict[str, str] | list[tuple[str, str]]) -> list[tuple[str, str]]:
    return list(form.items()) if isinstance(form, dict) else form
