"""Reading status lists as a stranger would: with a library that is not ours, and zlib."""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from mintmaster.kube.errors import NotFound
from mintmaster.kube.paths import object_path
from reconcile.reading import claims

if TYPE_CHECKING:
    from reconcile.harness import Cluster, Object

VALID, INVALID = 0, 1


class Place(NamedTuple):
    """Where a token says that it is listed."""

    uri: str
    idx: int


def place_of(token: str) -> Place:
    """The claim `status` of a token."""
    listed = claims(token)["status"]["status_list"]
    return Place(listed["uri"], listed["idx"])


def verified(text: str, keys: list[dict[str, Any]], uri: str) -> dict[str, Any]:
    """The claims of a signed list, if its signature and its header hold."""
    decoded = jwt.decode(
        text, KeySet.import_key_set({"keys": keys}), algorithms=["ES256", "RS256", "EdDSA"]
    )
    assert decoded.header["typ"] == "statuslist+jwt"
    said = decoded.claims
    assert said["sub"] == uri
    assert said["iat"] < said["exp"]
    assert said["ttl"] > 0
    assert said["status_list"]["bits"] == 1
    return said


def entry(said: dict[str, Any], index: int) -> int:
    """One bit of a list, the first in the lowest place of the first octet."""
    packed = said["status_list"]["lst"]
    octets = zlib.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    return octets[index // 8] >> index % 8 & 1


async def config_map(
    cluster: Cluster, uri: str, namespace: str = "mintmaster-system"
) -> Object | None:
    """The ConfigMap of a list, in the operator's namespace; None where there is none."""
    name = f"mintmaster-status-list-{uri.rpartition('/')[2]}"
    path = object_path("v1", "configmaps", namespace, name)
    try:
        return await cluster.get(path)
    except NotFound:
        return None


async def said_of(
    cluster: Cluster, uri: str, namespace: str = "mintmaster-system"
) -> dict[str, Any]:
    """What a list in its ConfigMap says, verified by the keys that the issuer's status shows.

    Raises LookupError where there is none, JoseError for one that nobody would believe.
    """
    found = await config_map(cluster, uri, namespace)
    if found is None:
        raise LookupError(uri)
    issuer = await cluster.any_issuer(found["metadata"]["labels"]["mintmaster.dev/name"])
    recorded = issuer.status.keys
    keys = [key.public_jwk for key in recorded if key.state != "Withdrawn"]
    text = found["data"]["status-list.jwt"]
    return verified(text, json.loads(msgspec.json.encode(keys)), uri)


async def status_of(cluster: Cluster, place: Place) -> int:
    """What the list says of a token now."""
    return entry(await said_of(cluster, place.uri), place.idx)


async def until_status(cluster: Cluster, place: Place, status: int) -> None:
    """Wait until the list says that of a token; meanwhile there may be none that anybody would believe."""

    async def read() -> int | None:
        try:
            return await status_of(cluster, place)
        except (JoseError, LookupError):
            return None

    await cluster.until(read, lambda found: found == status)
