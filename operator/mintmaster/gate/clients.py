"""Authenticating applications by client id and secret, and stopping those who guess (RFC 6749, section 2.3.1)."""

from __future__ import annotations

import hmac
import math
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from mintmaster.gate.client_secrets import invalid_client
from mintmaster.gate.messages import oauth_error, too_many_failures
from mintmaster.gate.remembering import Allowance
from mintmaster.lifecycle.activity import Inactivity
from mintmaster.lifecycle.gate_minted import Grounds
from mintmaster.lifecycle.known import seconds
from mintmaster.tokens.digests import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mintmaster.gate.bases import Bases
    from mintmaster.gate.client_secrets import Shown
    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.gate.settings import CallerSettings
    from mintmaster.kube.clock import Clock
    from mintmaster.lifecycle.known import KnownResource, KnownToken

_NOBODY = ""
"""Whose failures those are that name no known client."""


class Client(NamedTuple):
    """An application that has been authenticated."""

    resource: KnownResource
    record: KnownToken
    """What its access tokens may have at most."""


class _Proof(msgspec.Struct, gc=False):
    """An application that showed a secret which was right, and all that this rests on."""

    presented: str
    """The digest of the secret."""
    client: Client
    grounds: Grounds
    until: float
    """When time alone makes an end of it: the secret, or the record of the rights. In POSIX seconds."""
    seen_at: int
    """`Knowledge.changes` when it was last seen to hold."""


class Clients:
    """Authenticates applications. Nothing is asked of the API server."""

    def __init__(
        self,
        knowledge: Knowledge,
        bases: Bases,
        clock: Clock,
        settings: CallerSettings,
        monotonic: Callable[[], float],
    ) -> None:
        self._knowledge = knowledge
        self._bases = bases
        self._clock = clock
        self._settings = settings
        self._proofs: OrderedDict[str, _Proof] = OrderedDict()
        self._guesses = _Guesses(settings, monotonic)

    def of_issuer(self, issuer: KnownIssuer, shown: Shown) -> Client:
        """The application of this issuer that shows its secret; refused as RFC 6749, section 5.2 says."""
        found = self._knowledge.application(issuer.name, shown.client_id)
        return self._authenticated((found,) if found is not None else (), shown)

    def of_any_issuer(self, shown: Shown) -> Client:
        """The application of whichever issuer: client ids are unique for an issuer, but secrets are everywhere."""
        return self._authenticated(tuple(self._knowledge.applications(shown.client_id)), shown)

    def _authenticated(self, named: tuple[KnownResource, ...], shown: Shown) -> Client:
        presented = digest(shown.client_secret)
        for application in named:
            proven = self._proven(application, presented)
            if proven is not None:
                return proven
        whose = named[0].uid if named else _NOBODY
        self._guesses.check(whose, presented)
        found = next((it for it in named if self._holds(it, presented)), None)
        if found is None:
            self._guesses.failed(whose)
            raise invalid_client()
        self._guesses.succeeded(presented)
        client = self._entitled(found)
        self._remember(client, presented)
        return client

    def _proven(self, application: KnownResource, presented: str) -> Client | None:
        """What came of it when the application last showed this secret, if nothing has changed since."""
        proof = self._proofs.get(application.uid)
        if proof is None or not hmac.compare_digest(proof.presented, presented):
            return None
        if self._clock.now().timestamp() >= proof.until:
            return None
        if proof.seen_at != self._knowledge.changes:
            grounds = self._grounds(application)
            if grounds is None or not proof.grounds.are(grounds):
                return None
            proof.seen_at = self._knowledge.changes
        return proof.client

    def _remember(self, client: Client, presented: str) -> None:
        application = client.resource
        assert application.application is not None  # noqa: S101 - its secret was compared
        secrets = application.application.secrets
        ends = (it.ends_at for it in secrets if it.digest == presented)
        until = min(client.record.ends_at, max(ends))
        grounds = self._grounds(application)
        assert grounds is not None  # noqa: S101 - its secret was compared
        changes = self._knowledge.changes
        self._proofs[application.uid] = _Proof(presented, client, grounds, until, changes)
        if len(self._proofs) > self._settings.remembered:
            self._proofs.popitem(last=False)

    def _grounds(self, application: KnownResource) -> Grounds | None:
        issuer = self._knowledge.home(application)
        return self._knowledge.grounds(application, issuer) if issuer is not None else None

    def _holds(self, application: KnownResource, presented: str) -> bool:
        """Whether the secret is one of the application's that are inside their time."""
        issuer = self._knowledge.home(application)
        if issuer is None or application.application is None:
            return False
        now = self._clock.now().timestamp()
        not_before = seconds(issuer.view.spec.not_before, -math.inf)
        secrets = application.application.secrets
        live = [it.digest for it in secrets if it.issued_at >= not_before and now < it.ends_at]
        return _is_among(presented, live)

    def _entitled(self, application: KnownResource) -> Client:
        issuer = self._knowledge.home(application)
        assert issuer is not None  # noqa: S101 - its secret was compared
        found = self._bases.of(application, issuer)
        if found is Inactivity.NOT_GRANTED:
            raise oauth_error(400, "unauthorized_client", "the issuer does not grant its rights")
        if isinstance(found, Inactivity) or self._clock.now().timestamp() >= found.ends_at:
            raise invalid_client()
        return Client(application, found)


class _Guesses:
    """How many wrong secrets are looked at, for each client.

    A secret that has been right here goes through regardless, so that nobody is shut out by somebody else's guesses.
    """

    def __init__(self, settings: CallerSettings, monotonic: Callable[[], float]) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._allowances: OrderedDict[str, Allowance] = OrderedDict()
        self._familiar: OrderedDict[str, None] = OrderedDict()

    def check(self, whose: str, presented: str) -> None:
        """Refused with 429 where too many were wrong."""
        allowance = self._allowances.get(whose)
        if allowance is not None and allowance.spent and presented not in self._familiar:
            raise too_many_failures()

    def failed(self, whose: str) -> None:
        """Count a wrong one."""
        allowance = self._allowances.get(whose)
        if allowance is None:
            rate = self._settings.client_failures_per_second
            allowance = self._allowances[whose] = Allowance(rate, self._monotonic)
            self._keep_within(self._allowances)
        allowance.take()

    def succeeded(self, presented: str) -> None:
        """Remember a right one, by its digest."""
        if presented not in self._familiar:
            self._familiar[presented] = None
            self._keep_within(self._familiar)

    def _keep_within(
        self, remembered: OrderedDict[str, Allowance] | OrderedDict[str, None]
    ) -> None:
        if len(remembered) > self._settings.remembered:
            remembered.popitem(last=False)


def _is_among(presented: str, digests: Iterable[str]) -> bool:
    """Compare with all of them, each in constant time: how long it takes tells nothing about any."""
    found = False
    for known in digests:
        found |= hmac.compare_digest(known, presented)
    return found
