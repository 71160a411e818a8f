"""The accounts of an issuer as they stand on the API server: finding one, and asking for a token in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mintmaster.api import decoding
from mintmaster.api.kinds import USER_ACCESS_TOKEN
from mintmaster.api.names import API_VERSION
from mintmaster.api.user_access_token import UserAccessToken, UserAccessTokenSpec
from mintmaster.gate.compat.listing import listed
from mintmaster.gate.compat.orders import Order, completed
from mintmaster.gate.compat.reana.accounts import (
    LABEL_USER_ID,
    MAX_LIVES,
    account_name,
    default_user_id,
    life_of,
)
from mintmaster.gate.compat.resources import Gone, answering
from mintmaster.kube.paths import collection_path, object_path

if TYPE_CHECKING:
    from mintmaster.api.user_access_token import User
    from mintmaster.gate.compat.foundation import Foundation
    from mintmaster.gate.compat.requesters import Requester
    from mintmaster.gate.issuer import KnownIssuer

_NO_DIGEST_YET = "0" * 43


@dataclass(frozen=True, slots=True)
class Directory:
    """Finds accounts. Everything is asked of the API server, as few requests are about accounts."""

    foundation: Foundation

    async def latest(self, issuer: KnownIssuer, email: str) -> UserAccessToken | None:
        """The account of a user: the last life of its name."""
        found = None
        for life in range(1, MAX_LIVES + 1):
            following = await self._read(issuer, account_name(issuer.url, email, life))
            if following is None:
                return found
            found = following
        return found

    async def of_id(self, issuer: KnownIssuer, user_id: str) -> UserAccessToken | None:
        """The account of the user whom REANA knows by this id."""
        found = await listed(
            self.foundation.resources,
            USER_ACCESS_TOKEN,
            issuer.name,
            namespace=issuer.view.spec.api_namespace,
            params={"labelSelector": f"{LABEL_USER_ID}={user_id}"},
        )
        return max(found, key=lambda it: life_of(it.metadata.name), default=None)

    async def request(
        self, issuer: KnownIssuer, requester: Requester, user: User, life: int
    ) -> UserAccessToken:
        """Create an account without a token: somebody has to grant it. Raises NotIssued, NotAllowed, AlreadyExists."""
        order = Order(
            issuer,
            requester,
            UserAccessTokenSpec(user=user, description="Asked for over REANA's API."),
            name=account_name(issuer.url, user.email, life),
            labels={LABEL_USER_ID: default_user_id(issuer.url, user.email)},
        )
        labels = self.foundation.knowledge.labels(issuer.view.spec.api_namespace)
        wanted = completed(order, _NO_DIGEST_YET, labels)
        token = replace(wanted.spec.token, value_digest=None)
        assert isinstance(wanted, UserAccessToken)  # noqa: S101 - what was ordered
        wanted = replace(wanted, spec=replace(wanted.spec, token=token))
        return await self._create(wanted)

    async def _create(self, wanted: UserAccessToken) -> UserAccessToken:
        path = collection_path(API_VERSION, USER_ACCESS_TOKEN.plural, wanted.metadata.namespace)
        with answering():
            raw = await self.foundation.resources.client.create(
                path, decoding.encode(USER_ACCESS_TOKEN, wanted)
            )
        return decoding.decode(USER_ACCESS_TOKEN, raw)

    async def _read(self, issuer: KnownIssuer, name: str) -> UserAccessToken | None:
        namespace = issuer.view.spec.api_namespace
        path = object_path(API_VERSION, USER_ACCESS_TOKEN.plural, namespace, name)
        try:
            with answering():
                raw = await self.foundation.resources.client.get(path)
        except Gone:
            return None
        return decoding.decode(USER_ACCESS_TOKEN, raw)
