"""The ConfigMaps in which the operator leaves signed status lists and from which gates serve them, one per list."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from mintmaster.api import kinds, names
from mintmaster.api.meta import ObjectMeta
from mintmaster.kube.errors import NotFound
from mintmaster.kube.paths import collection_path, object_path
from mintmaster.lifecycle import rfc3339
from mintmaster.tokens import status_list_token
from mintmaster.tokens.status_list_token import StatusListUnreadable

if TYPE_CHECKING:
    from mintmaster.kube.client import Client
    from mintmaster.lifecycle.status_lists import StatusList
    from mintmaster.tokens.status_list_token import StatusListToken

__all__ = ["SELECTOR", "SignedList", "SignedLists", "collection", "decode"]

log = logging.getLogger(__name__)

SELECTOR = (
    f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY},{names.LABEL_KIND}={kinds.TOKEN_ISSUER.kind}"
)
"""Only ConfigMaps of ours that belong to an issuer are watched."""

DATA_KEY = "status-list.jwt"
"""Key of the ConfigMap that holds the signed list."""

_PREFIX = "mintmaster-status-list-"


class _ConfigMap(msgspec.Struct, frozen=True):
    metadata: ObjectMeta
    data: dict[str, str] | None = None


_decode = msgspec.json.Decoder(_ConfigMap).decode


@dataclass(frozen=True, slots=True)
class SignedList:
    """A list as it lies in its ConfigMap."""

    metadata: ObjectMeta
    text: str
    """The compact JWS."""
    token: StatusListToken | None
    """What it says; None where it cannot be read."""

    @property
    def id(self) -> str:
        """The last part of its URI."""
        return self.metadata.name.removeprefix(_PREFIX)

    @property
    def issuer(self) -> str:
        """The name of the issuer."""
        return self.metadata.labels.get(names.LABEL_NAME, "")

    @property
    def needed_until(self) -> float:
        """When the last token with an entry expires, as far as was known when it was signed; POSIX seconds."""
        text = self.metadata.annotations.get(names.ANNOTATION_EXPIRES_AT, "")
        try:
            return msgspec.convert(text, datetime, strict=False).timestamp()
        except msgspec.ValidationError:
            return 0.0


def collection(namespace: str) -> str:
    """The path of the ConfigMaps among which lists are, in the operator's namespace."""
    return collection_path("v1", "configmaps", namespace)


def decode(raw: msgspec.Raw | bytes) -> SignedList:
    """Read a ConfigMap as the API server sends it."""
    found = _decode(raw)
    text = (found.data or {}).get(DATA_KEY, "")
    try:
        token = status_list_token.read(text)
    except StatusListUnreadable as error:
        log.warning("ConfigMap %s is not used: %s", found.metadata.name, error)
        token = None
    return SignedList(found.metadata, text, token)


class SignedLists:
    """The ConfigMaps of the lists, through one client."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def read(self, id_: str) -> SignedList | None:
        """Read a list; None where there is none."""
        try:
            return decode(await self._client.get(self._path(id_)))
        except NotFound:
            return None

    async def write(
        self, status_list: StatusList, text: str, present: SignedList | None
    ) -> SignedList:
        """Create the ConfigMap of a list, or bring the present one to this content.

        Raises AlreadyExists, Conflict or NotFound where it is not (any more) what was decided on.
        """
        body: dict[str, object] = {
            "metadata": _metadata(status_list, present),
            "data": {DATA_KEY: text},
        }
        if present is None:
            kind = {"apiVersion": "v1", "kind": "ConfigMap"}
            return decode(await self._client.create(collection(self._namespace), kind | body))
        return decode(await self._client.merge_patch(self._path(status_list.id), body))

    async def remove(self, present: SignedList) -> None:
        """Delete just this life and version of a list; one that is gone already is fine. Raises Conflict."""
        meta = present.metadata
        try:
            await self._client.delete(
                self._path(present.id), uid=meta.uid, resource_version=meta.resource_version
            )
        except NotFound:
            return

    def _path(self, id_: str) -> str:
        return object_path("v1", "configmaps", self._namespace, _PREFIX + id_)


def _metadata(status_list: StatusList, present: SignedList | None) -> dict[str, object]:
    expires_at = rfc3339.format(datetime.fromtimestamp(status_list.expires_at, UTC))
    metadata: dict[str, object] = {
        "name": _PREFIX + status_list.id,
        "labels": {
            names.LABEL_MANAGED_BY: names.MANAGED_BY,
            names.LABEL_KIND: kinds.TOKEN_ISSUER.kind,
            names.LABEL_NAME: status_list.issuer,
        },
        "annotations": {names.ANNOTATION_EXPIRES_AT: expires_at},
    }
    if present is not None:
        metadata["uid"] = present.metadata.uid
        metadata["resourceVersion"] = present.metadata.resource_version
    return metadata
