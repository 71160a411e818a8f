"""Callers that Kubernetes knows: who they are (TokenReview), and what they may do (SubjectAccessReview)."""

from __future__ import annotations

import hashlib
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from mintmaster.api.names import GROUP
from mintmaster.gate.messages import come_back
from mintmaster.gate.remembering import Overloaded, Remembered
from mintmaster.kube.errors import KubeError
from mintmaster.kube.paths import collection_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mintmaster.gate.settings import CallerSettings
    from mintmaster.kube.client import Client

log = logging.getLogger(__name__)

AUTHENTICATION = "authentication.k8s.io/v1"
AUTHORIZATION = "authorization.k8s.io/v1"

_TOKEN_REVIEWS = collection_path(AUTHENTICATION, "tokenreviews")
_ACCESS_REVIEWS = collection_path(AUTHORIZATION, "subjectaccessreviews")


class Identity(msgspec.Struct, frozen=True):
    """A user as Kubernetes knows it (UserInfo of TokenReview); without a name it is nobody."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


class Action(msgspec.Struct, frozen=True, omit_defaults=True):
    """What somebody wants to do with a resource of our API group (ResourceAttributes)."""

    verb: str
    resource: str
    name: str
    namespace: str = ""


class _ReviewStatus(msgspec.Struct):
    authenticated: bool = False
    audiences: tuple[str, ...] = ()
    user: Identity = Identity()


class _Review(msgspec.Struct):
    status: _ReviewStatus = msgspec.field(default_factory=_ReviewStatus)


class _AccessStatus(msgspec.Struct):
    allowed: bool = False


class _AccessReview(msgspec.Struct):
    status: _AccessStatus = msgspec.field(default_factory=_AccessStatus)


_decode_review = msgspec.json.Decoder(_Review).decode
_decode_access_review = msgspec.json.Decoder(_AccessReview).decode


@contextmanager
def asking() -> Iterator[None]:
    """Answer 503 where Kubernetes gives no answer: that we do not know is not the caller's fault (I17)."""
    try:
        yield
    except Overloaded:
        raise come_back("too many callers at a time", seconds=1) from None
    except KubeError as error:
        log.warning("callers cannot be authorized: %s", error)
        raise come_back("callers cannot be authorized now") from None


class KubernetesIdentities:
    """Asks the API server, and remembers its answers for seconds.

    Both questions raise Overloaded where too many are under way, and a KubeError where no answer comes.
    """

    def __init__(
        self, client: Client, settings: CallerSettings, monotonic: Callable[[], float]
    ) -> None:
        self._client = client
        self._users: Remembered[Identity] = Remembered(
            lasts=lambda it: settings.accepted_seconds if it.username else settings.refused_seconds,
            size=settings.remembered,
            max_asking=settings.max_asking,
            monotonic=monotonic,
        )
        self._rights: Remembered[bool] = Remembered(
            lasts=lambda yes: settings.accepted_seconds if yes else settings.refused_seconds,
            size=settings.remembered,
            max_asking=settings.max_asking,
            monotonic=monotonic,
        )

    def is_known(self, token: str, audience: str | None) -> bool:
        """Whether it is known, without asking, whose token it is."""
        known = self._users.get(_question(token, audience))
        return known is not None and bool(known.username)

    async def whose(self, token: str, audience: str | None) -> Identity | None:
        """Whose token it is, if it is meant for the audience (none: for the API server itself)."""

        async def ask() -> Identity:
            spec = {"token": token, "audiences": [audience] if audience else []}
            body = {"apiVersion": AUTHENTICATION, "kind": "TokenReview", "spec": spec}
            status = _decode_review(await self._client.create(_TOKEN_REVIEWS, body)).status
            # An authenticator that knows nothing of audiences names none, whatever it was asked for.
            meant = audience is None or audience in status.audiences
            return status.user if status.authenticated and meant else Identity()

        identity = await self._users.ask(_question(token, audience), ask)
        return identity if identity.username else None

    async def may(self, identity: Identity, action: Action) -> bool:
        """Whether RBAC, or whatever the cluster authorizes by, lets them."""

        async def ask() -> bool:
            spec = {
                "user": identity.username,
                "uid": identity.uid,
                "groups": identity.groups,
                "extra": identity.extra,
                "resourceAttributes": {"group": GROUP, **msgspec.to_builtins(action)},
            }
            body = {"apiVersion": AUTHORIZATION, "kind": "SubjectAccessReview", "spec": spec}
            answer = await self._client.create(_ACCESS_REVIEWS, body)
            return _decode_access_review(answer).status.allowed

        return await self._rights.ask((msgspec.json.encode(identity), action), ask)


def _question(token: str, audience: str | None) -> tuple[bytes, str | None]:
    """What an answer about a token is remembered under: a hash, so that no token stays in memory."""
    return hashlib.sha256(token.encode()).digest(), audience
