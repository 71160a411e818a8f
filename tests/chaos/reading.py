"""How the judge reads what the API server has and what a token says: by the standards alone, with none of our code."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

if TYPE_CHECKING:
    from chaos.record import Object

GROUP = "mintmaster.dev"
NEVER = float("inf")

_JWS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def digest(token: str) -> str:
    """How a status names a token: SHA-256, in base64url, of an opaque one, or of the signing input of a JWS."""
    signed = token.rpartition(".")[0] if is_jwt(token) else token
    return base64.urlsafe_b64encode(hashlib.sha256(signed.encode()).digest()).rstrip(b"=").decode()


def is_jwt(token: str) -> bool:
    """Whether it has the form of a compact JWS (RFC 7515, section 7.1)."""
    return _JWS.fullmatch(token) is not None


def instant(text: str | None) -> float:
    """A time of RFC 3339 in POSIX seconds; what is not said never comes."""
    return datetime.fromisoformat(text).timestamp() if text else NEVER


def seconds(duration: str) -> float:
    """A duration such as 1h30m in seconds."""
    found = _DURATION.fullmatch(duration)
    assert found is not None, duration
    hours, minutes, rest = (int(part or 0) for part in found.groups())
    return float(hours * 3600 + minutes * 60 + rest)


def claims(token: str, keys: list[Object]) -> dict[str, Any] | str:
    """The claims of a JWT whose signature holds by one of these JWKs; else what is wrong with it."""
    try:
        header = json.loads(_unpadded(token.split(".", maxsplit=1)[0]))
        key = next((it for it in keys if it.get("kid") == header.get("kid")), None)
        if key is None:
            return f"no published key has the kid {header.get('kid')}"
        algorithm = {"EC": "ES256", "RSA": "RS256", "OKP": "EdDSA"}[str(key["kty"])]
        if header.get("alg") != algorithm:
            return f"the algorithm is {header.get('alg')}"
        read = jws.deserialize_compact(token, JWKRegistry.import_key(key), algorithms=[algorithm])
        found: dict[str, Any] = json.loads(read.payload)
    except (JoseError, ValueError, KeyError) as error:
        return f"it does not verify: {type(error).__name__}"
    return found


def recorded(resource: Object) -> list[Object]:
    """The tokens that a status names, if it is of this life of the resource."""
    status = resource.get("status") or {}
    if status.get("uid") != resource["metadata"]["uid"]:
        return []
    return list(status.get("tokens") or status.get("secrets") or [])


def end(record: Object) -> float:
    """When a recorded token ends."""
    return min(instant(record.get("expiresAt")), instant(record.get("validUntil")))


def ends(resource: Object) -> dict[str, float]:
    """When each recorded token ends, by its digest."""
    return {it["digest"]: end(it) for it in recorded(resource)}


def is_application(resource: Object) -> bool:
    """Whether its tokens are client secrets, of which gates say nothing: what is active is made with them."""
    return str(resource["kind"]) == "ClientApplication"


def schedule_field(resource: Object) -> str:
    """The field of the spec that says how long tokens live, and of which form they are."""
    return "clientSecret" if is_application(resource) else "token"


def schedule(resource: Object) -> Object:
    """What the spec says of that."""
    found: Object = resource["spec"].get(schedule_field(resource)) or {}
    return found


def token_key(resource: Object) -> str:
    """The key of the Secret under which the token lies."""
    asked = resource["spec"].get("secret") or {}
    if is_application(resource):
        return str(asked.get("clientSecretKey") or "client-secret")
    return str(asked.get("tokenKey") or "token")


def is_gone(resource: Object) -> bool:
    """Whether it is about to be deleted."""
    return bool(resource["metadata"].get("deletionTimestamp"))


def is_revoked(resource: Object) -> bool:
    return bool(resource["spec"].get("revoked"))


def secret_name(resource: Object) -> str:
    """The Secret that a resource asks for."""
    named = (resource["spec"].get("secret") or {}).get("name")
    return str(named or f"{resource['metadata']['name']}-token")


def token_in(resource: Object, secret: Object) -> str:
    """What lies under the token key; empty for nothing."""
    held = (secret.get("data") or {}).get(token_key(resource), "")
    return base64.b64decode(held).decode(errors="replace")


def previous_token_in(resource: Object, secret: Object) -> str:
    """What lies under the key for the token of before; empty for nothing."""
    key = (resource["spec"].get("secret") or {}).get("previousTokenKey") or ""
    return base64.b64decode((secret.get("data") or {}).get(key, "")).decode(errors="replace")


def strange_keys(resource: Object, secret: Object) -> list[str]:
    """Keys of a Secret that the resource does not ask for."""
    asked = resource["spec"].get("secret") or {}
    wanted = {token_key(resource), asked.get("previousTokenKey")}
    if is_application(resource):
        wanted.add(asked.get("clientIdKey") or "client-id")
    wanted |= set((asked.get("template") or {}).get("data") or {})
    return sorted(set(secret.get("data") or {}) - wanted)


def label(item: Object, name: str) -> str:
    return str((item["metadata"].get("labels") or {}).get(name, ""))


def annotation(item: Object, name: str) -> str | None:
    found: str | None = (item["metadata"].get("annotations") or {}).get(name)
    return found


def title(item: Object) -> str:
    """An object as people name it."""
    meta = item["metadata"]
    return f"{item['kind']} {meta.get('namespace', '')}/{meta['name']}"


def where(item: Object) -> str:
    meta = item["metadata"]
    return f"{meta.get('namespace', '')}/{meta['name']}"


def condition(resource: Object, type_: str) -> Object:
    found = (resource.get("status") or {}).get("conditions") or []
    return next((it for it in found if it["type"] == type_), {})


def interval(resource: Object) -> float:
    """Seconds that pass at least between an issue and the renewal after it, with all the jitter there can be."""
    longest = longest_interval(resource)
    return max(longest * 0.9, 300.0) if longest < NEVER else 3600.0


def longest_interval(resource: Object) -> float:
    """Seconds between an issue and the renewal after it, without any jitter; for ever where no lifetime is named."""
    spec = schedule(resource)
    if "lifetime" not in spec:
        return NEVER
    lifetime = seconds(spec["lifetime"])
    before = seconds(spec["renewBefore"]) if "renewBefore" in spec else lifetime / 3
    return lifetime - before


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
