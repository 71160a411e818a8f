"""A workbench whose gate exchanges tokens, with a stand-in for TokenReview."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from gate.minting_bench import EXCHANGE, TOKEN, MintingBench
from gate.workbench import NOW, SERVICES, UID, seconds
from mintmaster.gate.settings import Settings
from mintmaster.kube.errors import Unreachable
from mintmaster.tokens import base64url

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from gate.harness import Answer

URL = "https://applications.example.org"
JWT = "urn:ietf:params:oauth:token-type:jwt"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
BUILDER = "system:serviceaccount:team:builder"
ADA = "urn:mintmaster:useraccesstoken:team:ada"


@dataclass
class Kubernetes:
    """An API server that knows whose tokens are whose."""

    usernames: dict[str, str] = field(default_factory=dict)
    audiences: list[str] = field(default_factory=lambda: [URL])
    asked: int = 0
    away: bool = False

    async def create(self, _path: str, body: Any) -> bytes:
        self.asked += 1
        if self.away:
            raise Unreachable("away")
        username = self.usernames.get(body["spec"]["token"])
        status: dict[str, Any] = {"authenticated": False}
        if username is not None:
            user = {"username": username}
            status = {"authenticated": True, "user": user, "audiences": self.audiences}
        return msgspec.json.encode({"status": status})

    def token(self, username: str = BUILDER, **changes: Any) -> str:
        """A token of that user; its signature is nothing that a gate looks at."""
        claims = {"aud": [URL], "exp": seconds(NOW + timedelta(hours=2)), "sub": username} | changes
        parts = [msgspec.json.encode(part) for part in ({"alg": "RS256"}, claims)]
        token = b".".join([*map(base64url.encode, parts), b"c2ln"]).decode()
        self.usernames[token] = username
        return token


def made(
    folder: Path,
    kubernetes: Kubernetes,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings | None = None,
) -> MintingBench:
    bench = MintingBench(folder=folder, settings=settings or Settings())
    monkeypatch.setattr(bench.process.client, "create", kubernetes.create)
    bench.publish(audiences=[SERVICES])
    lend(bench)
    return bench


def lend(
    bench: MintingBench,
    *,
    name: str = "ada",
    uid: str = UID,
    change: Callable[[dict[str, Any]], None] = lambda _: None,
    **rights: Any,
) -> None:
    """Have a UserAccessToken let the service account `builder` have its rights."""

    def exchanging(body: dict[str, Any]) -> None:
        body["spec"]["exchange"] = {"serviceAccounts": ["builder"], "issuer": "applications"}
        change(body)

    rights = {"scopes": ["api", "read_api"]} | rights
    bench.issue(uid=uid, name=name, change=exchanging, **rights)


async def exchange(
    bench: MintingBench,
    subject_token: str,
    form: dict[str, str] | list[tuple[str, str]] | None = None,
    *headers: tuple[bytes, bytes],
) -> Answer:
    changes = form or {}
    pairs = list(changes.items()) if isinstance(changes, dict) else changes
    changed = {name for name, _ in pairs}
    asked = {
        "grant_type": EXCHANGE,
        "subject_token": subject_token,
        "subject_token_type": JWT,
    }
    kept = [(name, value) for name, value in asked.items() if name not in changed]
    return await bench.post(TOKEN, [*kept, *pairs], *headers, credential="")
