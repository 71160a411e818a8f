"""The Secret of an issuer's private keys: `mintmaster-issuer-<name>`, one PEM per key and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from mintmaster.api import kinds, names
from mintmaster.api.token_issuer import KeyState
from mintmaster.lifecycle.keyring import IssuerKey, Keyring
from mintmaster.lifecycle.secret_content import Content
from mintmaster.tokens.keys import KeyDamaged, SigningKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mintmaster.api.token_issuer import TokenIssuer
    from mintmaster.kube.secrets import Secrets
    from mintmaster.lifecycle.secret_view import SecretView

INDEX = "keys.json"
"""Key of the Secret that holds states and times of all keys."""


class _Index(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    keys: tuple[IssuerKey, ...] = ()
    handled_rotation: str | None = None


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """What lies in the key Secret of an issuer."""

    view: SecretView | None = None
    ring: Keyring = field(default_factory=Keyring)
    private: Mapping[str, SigningKey] = field(default_factory=dict, repr=False)
    problem: str = ""
    """What is damaged, for people; empty where all is well."""


class KeyStore:
    """Reads and writes key Secrets in the operator's namespace. They have no owner: keys outlive their issuer."""

    def __init__(self, secrets: Secrets, namespace: str) -> None:
        self._secrets = secrets
        self._namespace = namespace

    async def load(self, issuer: str) -> StoredKeys:
        """Read the keys of an issuer; damage is described, never raised."""
        reading = await self._secrets.read(self._namespace, secret_name(issuer))
        if reading is None:
            return StoredKeys()
        try:
            index = msgspec.json.decode(reading.data.get(INDEX, b""), type=_Index)
        except msgspec.MsgspecError:
            return StoredKeys(view=reading.view, problem=f"its key {INDEX!r} is missing or damaged")
        ring = Keyring(index.keys, index.handled_rotation)
        private, damaged = _private_keys(ring, reading.data)
        return StoredKeys(view=reading.view, ring=ring, private=private, problem=damaged)

    async def save(
        self,
        issuer: TokenIssuer,
        present: SecretView | None,
        ring: Keyring,
        private: Mapping[str, SigningKey],
    ) -> SecretView:
        """Write the keys of an issuer, on the version that they were read at."""
        index = _Index(ring.keys, ring.handled_rotation)
        kept = (key for key in ring.published if key.id in private)
        data = {pem_name(key.id): private[key.id].to_pem() for key in kept}
        content = Content(
            data=data | {INDEX: msgspec.json.encode(index)},
            labels=_labels(issuer),
            annotations={},
            owner=None,
        )
        name = secret_name(issuer.metadata.name)
        return await self._secrets.write(self._namespace, name, present, content)


def secret_name(issuer: str) -> str:
    """The name of the key Secret of an issuer."""
    return f"mintmaster-issuer-{issuer}"


def pem_name(key_id: str) -> str:
    """The key under which a private key lies in the Secret, and the file name where it is mounted."""
    return f"{key_id}.pem"


def _labels(issuer: TokenIssuer) -> dict[str, str]:
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_KIND: kinds.TOKEN_ISSUER.kind,
        names.LABEL_NAME: issuer.metadata.name,
        names.LABEL_UID: issuer.metadata.uid,
    }


def _private_keys(ring: Keyring, data: Mapping[str, bytes]) -> tuple[dict[str, SigningKey], str]:
    """Read every PEM that should be there; what is damaged is told of keys that sign or will."""
    private: dict[str, SigningKey] = {}
    damaged: list[str] = []
    for key in ring.published:
        try:
            private[key.id] = SigningKey.from_pem(data.get(pem_name(key.id), b""), key.id)
        except KeyDamaged as error:
            if key.state in {KeyState.ACTIVE, KeyState.NEXT}:
                damaged.append(f"key {pem_name(key.id)!r}: {error}")
    return private, "; ".join(damaged)
