"""Listing the resources behind a foreign API as the API server has them, in one request for all namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from mintmaster.api import decoding
from mintmaster.api.client_application import ClientApplication
from mintmaster.api.names import API_VERSION
from mintmaster.api.runner_registration import RunnerRegistration
from mintmaster.api.user_access_token import UserAccessToken
from mintmaster.gate.compat.resources import answering
from mintmaster.kube.paths import collection_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mintmaster.api.kinds import ResourceKind
    from mintmaster.gate.compat.resources import Resources


T = TypeVar("T", RunnerRegistration, UserAccessToken, ClientApplication)


class _List(msgspec.Struct):
    items: list[dict[str, Any]]


async def listed(
    resources: Resources,
    kind: ResourceKind[T],
    issuer: str,
    *,
    namespace: str | None = None,
    params: Mapping[str, str] | None = None,
) -> list[T]:
    """The resources of a kind that name the issuer. Raises NotAllowed, and Refused with 503."""
    path = collection_path(API_VERSION, kind.plural, namespace)
    with answering():
        raw = await resources.client.get(path, params)
    found = (decoding.decode(kind, item) for item in msgspec.json.decode(raw, type=_List).items)
    return [it for it in found if it.spec.issuer_ref.name == issuer]
