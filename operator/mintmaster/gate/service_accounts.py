"""Service accounts that show a token of theirs to have another one for it (RFC 8693, section 2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mintmaster.gate import unverified
from mintmaster.gate.kubernetes_identity import asking
from mintmaster.gate.messages import oauth_error, too_many_failures
from mintmaster.gate.remembering import Allowance

if TYPE_CHECKING:
    from collections.abc import Callable

    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.gate.kubernetes_identity import KubernetesIdentities
    from mintmaster.gate.messages import Refused
    from mintmaster.gate.settings import CallerSettings
    from mintmaster.kube.clock import Clock

_USERNAME = "system:serviceaccount:"


class ServiceAccount(NamedTuple):
    """A service account that Kubernetes vouches for."""

    namespace: str
    name: str
    ends_at: float
    """When the token that it showed expires, in POSIX seconds."""


class ServiceAccounts:
    """Finds out whose token is shown."""

    def __init__(
        self,
        knowledge: Knowledge,
        identities: KubernetesIdentities,
        settings: CallerSettings,
        clock: Clock,
        monotonic: Callable[[], float],
    ) -> None:
        self._knowledge = knowledge
        self._identities = identities
        self._clock = clock
        self._failures = Allowance(settings.failures_per_second, monotonic)

    async def of_token(self, token: str, issuer: KnownIssuer) -> ServiceAccount:
        """Whose token it is, which has to be meant for the issuer.

        TokenReview tells, rather than the cluster's keys, since it knows whether the account and its pod still
        exist. Refused with `invalid_request` for any other token (RFC 8693, section 2.2.2).
        """
        claims = unverified.claims(token)
        if self._knowledge.issuer_of_url(str(claims.get("iss"))) is not None:
            # One of ours, which the API server might be told to take for a user.
            raise _not_accepted()
        expires_at = claims.get("exp")
        # A token without an audience or an end of its own is good for too much to be accepted here.
        if not unverified.names_audience(claims, issuer.url) or type(expires_at) is not int:
            raise _not_accepted()
        if self._clock.now().timestamp() >= expires_at:
            raise _not_accepted()
        if self._failures.spent and not self._identities.is_known(token, issuer.url):
            raise too_many_failures()
        with asking():
            identity = await self._identities.whose(token, issuer.url)
        found = identity.username if identity is not None else ""
        namespace, _, name = found.removeprefix(_USERNAME).partition(":")
        if not found.startswith(_USERNAME) or not name:
            self._failures.take()
            raise _not_accepted()
        return ServiceAccount(namespace, name, expires_at)


def _not_accepted() -> Refused:
    return oauth_error(400, "invalid_request", "the subject token is not accepted")
